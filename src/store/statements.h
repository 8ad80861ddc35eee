/* SPDX-License-Identifier: Apache-2.0
 * All SQL that runs while the store is open: name, text, columns. sql.c prepares and checks it; migrate.c has the tables. */
#ifndef GENGFU_STORE_STATEMENTS_H
#define GENGFU_STORE_STATEMENTS_H

/* clang-format off */
#define SQL_STATEMENTS(X) \
    X(BEGIN, "BEGIN IMMEDIATE", "") \
    X(COMMIT, "COMMIT", "") \
    X(ROLLBACK, "ROLLBACK", "") \
    X(META_GET, "SELECT value FROM meta WHERE name = ?", "value") \
    X(META_PUT, "INSERT INTO meta(name, value) VALUES (?, ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value", "") \
    \
    X(JOURNAL_ADD, "INSERT INTO journal(id, arrived, span, n, body) VALUES (NULL, ?, ?, ?, ?)", "") \
    X(JOURNAL_LAST, "SELECT id, n FROM journal ORDER BY id DESC LIMIT 1", "id,n") \
    X(JOURNAL_CHUNK, "SELECT arrived, body FROM journal WHERE id = ?", "arrived,body") \
    X(JOURNAL_BEHIND, "SELECT id, arrived, span, length(body) AS bytes FROM journal WHERE id > ? ORDER BY id", "id,arrived,span,bytes") \
    X(JOURNAL_RANGE, "SELECT id, arrived, body FROM journal WHERE id > ? AND id <= ? AND n > 0 AND arrived < ? AND arrived + span >= ? ORDER BY id", "id,arrived,body") \
    X(JOURNAL_FRONT, "SELECT id, arrived, span, n, length(body) AS bytes FROM journal WHERE id < ? ORDER BY id", "id,arrived,span,n,bytes") \
    X(JOURNAL_OLDEST, "SELECT arrived FROM journal WHERE n > 0 ORDER BY id LIMIT 1", "arrived") \
    X(JOURNAL_DROP, "DELETE FROM journal WHERE id <= ?", "") \
    X(SEGMENT_ADD, "INSERT INTO segment(first, last, earliest, latest) VALUES (?, ?, ?, ?)", "") \
    X(SEGMENT_LAST, "SELECT max(last) AS last FROM segment", "last") \
    X(SEGMENT_NEXT, "SELECT first, last, earliest, latest FROM segment WHERE first > ? AND latest >= ? AND earliest < ? ORDER BY first LIMIT 1", \
      "first,last,earliest,latest") \
    X(SEGMENT_OLD, "SELECT 1 AS one FROM segment WHERE last >= ? AND latest < ? LIMIT 1", "one") \
    X(JOURNAL_MOVE, "UPDATE journal SET arrived = arrived + ?1 WHERE id > ?2", "") \
    X(SEGMENT_MOVE, "UPDATE segment SET earliest = earliest + ?1, latest = latest + ?1 WHERE first > ?2", "") \
    X(SEGMENT_STRETCH, "UPDATE segment SET earliest = min(earliest, earliest + ?1), latest = max(latest, latest + ?1) WHERE first <= ?2 AND last > ?2", "") \
    X(SEGMENT_DROP, "DELETE FROM segment WHERE first <= ?1 AND last <= ?1", "") \
    \
    X(STATE_PUT, "INSERT INTO state(rule, key, hash, body) VALUES (?, ?, ?, ?) ON CONFLICT(rule, key) DO UPDATE SET hash = excluded.hash, body = excluded.body", "") \
    X(STATE_DROP, "DELETE FROM state WHERE rule = ? AND key = ? AND hash = ?", "") \
    X(STATE_EACH, "SELECT rule, hash, key, body FROM state", "rule,hash,key,body") \
    X(DEVICE_PUT, "INSERT INTO device(device, body) VALUES (?, ?) ON CONFLICT(device) DO UPDATE SET body = excluded.body", "") \
    X(DEVICE_DROP, "DELETE FROM device WHERE device = ?", "") \
    X(DEVICE_EACH, "SELECT device, body FROM device", "device,body") \
    \
    X(INCIDENT_FIND, "SELECT nr, title FROM incident WHERE id = ?", "nr,title") \
    X(INCIDENT_ADD, "INSERT INTO incident(id, number, rule, key, device, title, revision, change, severity, condition, handling, raised, updated, over, body)" \
      " VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)", "") \
    X(INCIDENT_SET, "UPDATE incident SET rule = ?, key = ?, device = ?, title = ?, revision = ?, change = ?, severity = ?, condition = ?, handling = ?," \
      " raised = ?, updated = ?, over = ?, body = ? WHERE nr = ?", "") \
    X(PUBLISHED_KEEP, "INSERT INTO published(incident, body) SELECT nr, body FROM incident WHERE nr = ? ON CONFLICT(incident) DO NOTHING", "") \
    X(PUBLISHED_DROP, "DELETE FROM published WHERE incident = ?", "") \
    X(INCIDENT_OPEN, "SELECT id, body FROM incident INDEXED BY incident_over WHERE over = 0", "id,body") \
    X(INCIDENT_BODY, "SELECT id, body FROM incident WHERE nr = ?", "id,body") \
    X(INCIDENT_RANGE, "SELECT nr, id FROM incident WHERE id >= ?1 AND id < ?1 || char(0x10ffff) ORDER BY id LIMIT 3", "nr,id") \
    X(NUMBER_RANGE, "SELECT nr, number FROM incident WHERE number >= ?1 AND number < ?1 || char(0x10ffff) ORDER BY number LIMIT 3", "nr,number") \
    X(INCIDENT_NEWEST, "SELECT nr, id, rule, device, body FROM incident WHERE nr < ? ORDER BY nr DESC LIMIT 1", "nr,id,rule,device,body") \
    X(INCIDENT_ROW, "SELECT nr, id, rule, device, body FROM incident WHERE nr = ?", "nr,id,rule,device,body") \
    X(INCIDENT_SINCE, "SELECT nr FROM incident INDEXED BY incident_over WHERE over = ? AND updated >= ?", "nr") \
    X(INCIDENT_COUNT, "SELECT count(*) AS n FROM incident", "n") \
    X(INCIDENT_OLD, "SELECT nr FROM incident INDEXED BY incident_over WHERE over = 1 AND updated < ?" \
      " AND NOT EXISTS (SELECT 1 FROM outbox WHERE outbox.incident = incident.nr) ORDER BY updated LIMIT ?", "nr") \
    X(INCIDENT_DROP, "DELETE FROM incident WHERE nr = ?", "") \
    X(REVISION_ADD, "INSERT INTO revision(incident, number, change, at, severity, condition, handling, title) VALUES (?, ?, ?, ?, ?, ?, ?, ?)" \
      " ON CONFLICT(incident, number) DO UPDATE SET change = excluded.change, at = excluded.at, severity = excluded.severity," \
      " condition = excluded.condition, handling = excluded.handling, title = excluded.title", "") \
    X(REVISION_TRIM, "DELETE FROM revision WHERE incident = ? AND number > 1 AND number <= ?", "") \
    X(REVISION_DROP, "DELETE FROM revision WHERE incident = ?", "") \
    X(REVISION_EACH, "SELECT number, change, at, severity, condition, handling, title FROM revision WHERE incident = ? ORDER BY number", \
      "number,change,at,severity,condition,handling,title") \
    \
    X(PLATFORM_EACH, "SELECT id, name, named FROM platform ORDER BY id", "id,name,named") \
    X(PLATFORM_ADD, "INSERT INTO platform(name, named) VALUES (?, 1) ON CONFLICT(name) DO UPDATE SET named = 1", "") \
    X(PLATFORM_NONE, "UPDATE platform SET named = 0 WHERE named <> 0", "") \
    \
    X(OUTBOX_PUT, "INSERT INTO outbox(incident, platform, revision, change, severity, over, queued, first, attempts, next_try, dead, bytes, why)" \
      " VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?7, 0, 0, 0, ?8, NULL) ON CONFLICT(incident, platform) DO UPDATE SET revision = excluded.revision," \
      " change = iif(change = ?9 AND excluded.change = ?10, change, excluded.change), severity = excluded.severity, over = excluded.over, queued = excluded.queued, attempts = 0, next_try = 0, dead = 0," \
      " bytes = excluded.bytes, why = NULL", "") \
    X(OUTBOX_HEARD, "UPDATE outbox SET change = ?3 WHERE incident = ?1 AND platform = ?2 AND change = ?4", "") \
    X(OUTBOX_OF, "SELECT platform, bytes, dead FROM outbox WHERE incident = ?", "platform,bytes,dead") \
    X(OUTBOX_GET, "SELECT revision, bytes, change, dead FROM outbox WHERE incident = ? AND platform = ?", "revision,bytes,change,dead") \
    X(TOLD_PUT, "INSERT INTO told(incident, platform, revision) SELECT nr, ?2, revision FROM incident WHERE nr = ?1 AND change <> ?3" \
      " ON CONFLICT(incident, platform) DO UPDATE SET revision = excluded.revision", "") \
    X(TOLD_GET, "SELECT revision FROM told WHERE incident = ? AND platform = ?", "revision") \
    X(TOLD_DROP, "DELETE FROM told WHERE incident = ?", "") \
    X(OUTBOX_DROP, "DELETE FROM outbox WHERE incident = ? AND platform = ?", "") \
    X(OUTBOX_RETRY, "UPDATE outbox SET attempts = attempts + 1, next_try = ?, why = ? WHERE incident = ? AND platform = ?", "") \
    X(OUTBOX_AT_ONCE, "UPDATE outbox SET next_try = 0 WHERE platform = ? AND dead = 0 AND next_try > 0", "") \
    X(OUTBOX_DEAD, "UPDATE outbox SET attempts = attempts + 1, next_try = 0, dead = 1, why = ? WHERE incident = ? AND platform = ?", "") \
    X(OUTBOX_FRESH, "SELECT incident FROM outbox INDEXED BY outbox_order WHERE platform = ?1 AND dead = 0 AND severity = ?2 AND queued >= ?3" \
      " AND (next_try <= ?4 OR next_try > ?5) ORDER BY queued DESC", "incident") \
    X(OUTBOX_BACKLOG, "SELECT incident FROM outbox INDEXED BY outbox_order WHERE platform = ?1 AND dead = 0 AND severity = ?2 AND queued < ?3" \
      " AND (next_try <= ?4 OR next_try > ?5) ORDER BY queued", "incident") \
    X(OUTBOX_ROW, "SELECT i.id AS id, i.number AS number, i.title AS title, o.revision AS revision, o.change AS change, o.severity AS severity, o.queued AS queued," \
      " o.first AS first, o.attempts AS attempts, o.next_try AS next_try, o.dead AS dead, o.why AS why, coalesce(p.body, i.body) AS body" \
      " FROM outbox o JOIN incident i ON i.nr = o.incident LEFT JOIN published p ON p.incident = o.incident WHERE o.incident = ? AND o.platform = ?", \
      "id,number,title,revision,change,severity,queued,first,attempts,next_try,dead,why,body") \
    X(OUTBOX_EACH, "SELECT o.platform AS platform, i.id AS id, i.number AS number, i.title AS title, o.revision AS revision, o.change AS change, o.severity AS severity," \
      " o.queued AS queued, o.first AS first, o.attempts AS attempts, o.next_try AS next_try, o.dead AS dead, o.why AS why, coalesce(p.body, i.body) AS body" \
      " FROM outbox o INDEXED BY outbox_order CROSS JOIN incident i ON i.nr = o.incident LEFT JOIN published p ON p.incident = o.incident WHERE o.platform = ? AND o.dead = ? ORDER BY o.severity DESC, o.queued DESC", \
      "platform,id,number,title,revision,change,severity,queued,first,attempts,next_try,dead,why,body") \
    X(OUTBOX_READY, "SELECT 1 AS one FROM outbox INDEXED BY outbox_order WHERE platform = ? AND dead = 0 AND next_try = 0 LIMIT 1", "one") \
    X(OUTBOX_DUE, "SELECT min(next_try) AS due FROM outbox INDEXED BY outbox_retry WHERE platform = ? AND dead = 0 AND next_try > 0", "due") \
    X(OUTBOX_ALL, "SELECT platform, dead, bytes FROM outbox", "platform,dead,bytes") \
    X(OUTBOX_OLDEST, "SELECT queued FROM outbox INDEXED BY outbox_order WHERE platform = ? AND dead = ? AND severity = ? ORDER BY queued LIMIT 1", "queued") \
    X(OUTBOX_OVER, "SELECT incident, platform, bytes, dead FROM outbox INDEXED BY outbox_give WHERE over = 1 AND severity = ? ORDER BY queued LIMIT 64", \
      "incident,platform,bytes,dead") \
    X(OUTBOX_LEAST, "SELECT incident, bytes, queued FROM outbox INDEXED BY outbox_order WHERE platform = ? AND dead = ? AND severity = ? ORDER BY queued LIMIT 64", \
      "incident,bytes,queued") \
    X(RESEND_INCIDENT, "SELECT i.revision AS revision, i.change AS change, i.severity AS severity, i.over AS over," \
      " length(CAST(coalesce(p.body, i.body) AS BLOB)) AS bytes FROM incident i LEFT JOIN published p ON p.incident = i.nr" \
      " WHERE i.nr = ?1 AND EXISTS (SELECT 1 FROM revision WHERE incident = ?1)", "revision,change,severity,over,bytes") \
    \
    X(ANSWER_ADD, "INSERT INTO answer(who, command, incident, at, body) VALUES (?, ?, ?, ?, ?) ON CONFLICT(who, command) DO NOTHING", "") \
    X(ANSWER_GET, "SELECT body FROM answer WHERE who = ? AND command = ?", "body") \
    X(ANSWER_TRIM, "DELETE FROM answer WHERE nr IN (SELECT nr FROM answer WHERE nr <= (SELECT max(nr) FROM answer) - ? ORDER BY nr LIMIT ?)", "") \
    \
    X(RULESET_PUT, "INSERT OR REPLACE INTO ruleset(seq, hash, at, who, bytes, body) VALUES ((SELECT coalesce(max(seq), 0) + 1 FROM ruleset), ?, ?, ?, ?, ?)", "") \
    X(RULESET_TRIM, "DELETE FROM ruleset WHERE seq NOT IN (SELECT seq FROM ruleset ORDER BY seq DESC LIMIT ?)", "") \
    X(RULESET_GET, "SELECT hash, body FROM ruleset WHERE hash = ?", "hash,body") \
    X(RULESET_LATEST, "SELECT hash, body FROM ruleset ORDER BY seq DESC LIMIT 1", "hash,body") \
    X(RULESET_EACH, "SELECT hash, at, who, bytes FROM ruleset ORDER BY seq DESC", "hash,at,who,bytes") \
    \
    X(AUDIT_ADD, "INSERT INTO audit(id, at, who, what, detail, hash) VALUES (NULL, ?, ?, ?, ?, ?)", "") \
    X(AUDIT_LAST, "SELECT hash, id FROM audit ORDER BY id DESC LIMIT 1", "hash,id") \
    X(AUDIT_EACH, "SELECT id, at, who, what, detail, hash FROM audit ORDER BY id", "id,at,who,what,detail,hash") \
    X(AUDIT_LATEST, "SELECT id, at, who, what, detail, hash FROM audit WHERE at >= ? ORDER BY id DESC LIMIT ?", "id,at,who,what,detail,hash") \
    X(AUDIT_ANCHOR, "SELECT id, hash FROM audit WHERE id <= (SELECT max(id) FROM audit) - ? ORDER BY id LIMIT 1 OFFSET ?", "id,hash") \
    X(AUDIT_DROP, "DELETE FROM audit WHERE id <= ?", "") \
    X(SALVAGED_CHUNK, "INSERT INTO journal(id, arrived, span, n, body) VALUES (?, ?, ?, ?, ?)", "") \
    X(SALVAGED_OUTBOX, "DELETE FROM outbox WHERE NOT EXISTS (SELECT 1 FROM incident WHERE nr = outbox.incident)" \
      " OR NOT EXISTS (SELECT 1 FROM platform WHERE id = outbox.platform)", "") \
    X(SALVAGED_META, "DELETE FROM meta WHERE name NOT IN ('audit_anchor', 'audit_last', 'acks_forgotten') AND name NOT GLOB 'gave_way_*'", "") \
    X(SALVAGED_TOLD, "DELETE FROM told WHERE NOT EXISTS (SELECT 1 FROM incident WHERE nr = told.incident)", "") \
    X(SALVAGED_REVISION, "DELETE FROM revision WHERE NOT EXISTS (SELECT 1 FROM incident WHERE nr = revision.incident)", "") \
    X(ANCHOR_GET, "SELECT value FROM meta WHERE name = 'audit_anchor'", "value") \
    X(ANCHOR_PUT, "INSERT INTO meta(name, value) VALUES ('audit_anchor', ?) ON CONFLICT(name) DO UPDATE SET value = excluded.value", "")
/* clang-format on */

#endif
