/* SPDX-License-Identifier: Apache-2.0
 * Sunrise and sunset by NOAA's solar position equations (Meeus, Astronomical Algorithms, low accuracy). Pure.
 *
 * The day is counted by the sun of the place: its solar noon is the one nearest to 12:00 of that date shifted by the longitude. */
#include <math.h>

#include "gengfu/base/time.h"

#define RADIANS(x) ((x)*M_PI / 180)
#define DEGREES(x) ((x)*180 / M_PI)
#define ZENITH 90.833 /* the upper limb at the horizon, with mean refraction */

/* Declination in degrees and the equation of time in minutes, at so many days since 1970. */
static void sun_at(double days, double *ret_declination, double *ret_equation) {
    double t = (days + 2440587.5 - 2451545.0) / 36525.0;
    double mean_long = fmod(280.46646 + t * (36000.76983 + t * 0.0003032), 360);
    double anomaly = 357.52911 + t * (35999.05029 - 0.0001537 * t);
    double eccentricity = 0.016708634 - t * (0.000042037 + 0.0000001267 * t);
    double m = RADIANS(anomaly);
    double centre = sin(m) * (1.914602 - t * (0.004817 + 0.000014 * t)) + sin(2 * m) * (0.019993 - 0.000101 * t) + sin(3 * m) * 0.000289;
    double node = RADIANS(125.04 - 1934.136 * t);
    double apparent = RADIANS(mean_long + centre - 0.00569 - 0.00478 * sin(node));
    double obliquity = 23 + (26 + (21.448 - t * (46.815 + t * (0.00059 - t * 0.001813))) / 60) / 60 + 0.00256 * cos(node);
    double y = tan(RADIANS(obliquity) / 2);
    y *= y;
    double l = RADIANS(mean_long);
    *ret_declination = DEGREES(asin(sin(RADIANS(obliquity)) * sin(apparent)));
    *ret_equation = 4 * DEGREES(y * sin(2 * l) - 2 * eccentricity * sin(m) + 4 * eccentricity * y * sin(m) * cos(2 * l) -
                                0.5 * y * y * sin(4 * l) - 1.25 * eccentricity * eccentricity * sin(2 * m));
}

/* One end of the day: `side` -1 is the rise, 1 the set. Thrice, each time with the sun where it was found to be. */
static bool edge(double day, double lat, double lon, int side, double *ret_days) {
    double at = day + 0.5 - lon / 360;
    for (int i = 0; i < 3; i++) {
        double declination, equation;
        sun_at(at, &declination, &equation);
        double cosine =
            (cos(RADIANS(ZENITH)) - sin(RADIANS(lat)) * sin(RADIANS(declination))) / (cos(RADIANS(lat)) * cos(RADIANS(declination)));
        if (!(cosine >= -1 && cosine <= 1))
            return false;
        at = day + (720 - 4 * lon - equation + side * 4 * DEGREES(acos(cosine))) / 1440;
    }
    *ret_days = at;
    return true;
}

bool sun_times(int64_t day, double lat, double lon, int64_t *ret_rise, int64_t *ret_set) {
    double rise, set;
    if (!(lat >= -90 && lat <= 90 && lon >= -180 && lon <= 180) || day < -4000000 || day > 4000000)
        return false;
    if (!edge((double)day, lat, lon, -1, &rise) || !edge((double)day, lat, lon, 1, &set))
        return false;
    *ret_rise = (int64_t)llround(rise * 86400);
    *ret_set = (int64_t)llround(set * 86400);
    return true;
}
