"""The limiter's three steps as they happen in Redis: each is one script, so that no two processes see the same room.

Every script takes one argument, an object in JSON, and tells the time by Redis's clock (`offset` ms is for tests).
What lies in Redis, all of it under `jira:`

| key             | kind | holds |
|-----------------|------|-------|
| `app`           | hash | `quota`, `blocked_until`, `why` |
| `site:<site>`   | hash | `quota`, `shares_app`, `blocked_until`, `why`, `awaited_until` |
| (the same)      |      | of an endpoint: `blocked_until`, `why`, `rate`, `clean`, `cut`, `free`, after its name |
| `leases:<site>` | zset | requests in flight by when their lease runs out |
| `waiting`       | zset | sites that want points for a backfill, by when they are forgotten |
| `turns`         | zset | the same sites, by the points they have had, counted from who had least when they had their first page |
| `points:<hour>` | hash | `total`, `site <site>`, `backfill <site>`, `purpose <purpose>`, `requests`, `refused <scope>`; UTC |
"""

from __future__ import annotations

_OPENING = """
local it = cjson.decode(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + it.offset
local hour = math.floor(now / 3600000)
local function number(key, field) return tonumber(redis.call('HGET', key, field) or 0) end
local function whole(amount) return string.format('%.0f', amount) end
"""

# KEYS: app, site, leases, waiting, turns
# ARGV: {offset, ledger (prefix of the hours' keys), site, endpoint, ceiling, start (requests a second), lease (its id),
#   lease_ms, concurrency, metered (whether requests cost points),
#   purpose, points, part (of the hour that this purpose may fill), quota (the app's, until Jira names it),
#   patience (ms that the caller would still wait), slot (ms, of a turn given earlier; 0: none), given (ms, when it was)}
# Returns {1, now, hour, whether it counts for the app} or {0, why, ms to wait, slot, now}
ADMIT = f"""{_OPENING}
local APP, SITE, LEASES, WAITING, TURNS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local QUARTER, MINUTE, GRACE, DAY, LATE, AWAITED = 900000, 60000, 90000, 86400000, 100, 1000
local ledger = it.ledger .. whole(hour)
local next_hour = (hour + 1) * 3600000 - now

local prefix = it.endpoint .. ' '
local told = redis.call('HMGET', SITE, 'shares_app', 'quota', 'blocked_until',
  prefix .. 'blocked_until', prefix .. 'rate', prefix .. 'free', prefix .. 'cut', 'awaited_until')
local function said(at) return tonumber(told[at] or 0) end
local of_site = {{quota = said(2), blocked_until = said(3), awaited_until = said(8)}}
local of_endpoint = {{blocked_until = said(4), rate = tonumber(told[5] or it.start), free = said(6), cut = said(7)}}

local shares_app = it.metered and told[1] ~= '0'
local is_backfill = shares_app and it.purpose == 'backfill'

local function least() return tonumber(redis.call('ZRANGE', TURNS, 0, 0, 'WITHSCORES')[2] or 0) end
local function want(wait)  -- a backfill that is told to come back keeps its share until then; who is new is first
  if not is_backfill then return end
  redis.call('ZADD', TURNS, 'NX', 0, it.site)
  redis.call('PEXPIRE', TURNS, DAY)
  redis.call('ZADD', WAITING, 'GT', whole(now + wait + GRACE), it.site)
  redis.call('PEXPIRE', WAITING, DAY)
end
local function line_up()  -- those who want no more leave
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', WAITING, '-inf', whole(now))) do redis.call('ZREM', TURNS, name) end
  redis.call('ZREMRANGEBYSCORE', WAITING, '-inf', whole(now))
  want(0)
end
local function refuse(why, wait, slot)
  want(wait)
  return {{0, why, math.ceil(wait), slot or 0, now}}
end

-- 1. Is anything parked?
if it.metered then
  local wait = number(APP, 'blocked_until') - now
  if wait > 0 then return refuse('app', wait) end
end
if of_site.blocked_until > now then return refuse('site', of_site.blocked_until - now) end
if of_endpoint.blocked_until > now then return refuse('endpoint', of_endpoint.blocked_until - now) end

-- 2. Is there room in the hour? An hour that nobody has touched takes any one request.
if it.metered then
  local function is_over(spent, limit) return spent > 0 and spent + it.points > limit end
  local own = of_site.quota
  if own > 0 and is_over(number(ledger, 'site ' .. it.site), own * it.part) then return refuse('hour', next_hour) end
  if shares_app then
    local quota = number(APP, 'quota')
    local limit = (quota > 0 and quota or it.quota) * it.part
    local total = number(ledger, 'total')
    if is_over(total, limit) then return refuse('hour', next_hour) end
    if is_backfill then
      line_up()
      local until_free = next_hour - QUARTER
      local mine = number(ledger, 'backfill ' .. it.site)
      if until_free > 0 and mine > 0 then
        local names, held = redis.call('ZRANGE', WAITING, 0, -1), 0
        for _, name in ipairs(names) do held = held + number(ledger, 'backfill ' .. name) end
        if mine >= (limit - total + held) / #names then return refuse('share', math.min(MINUTE, until_free)) end
      end
      -- Where not everybody can have his page in this hour, those go first who have had least, in whatever hours.
      if until_free > 0 and redis.call('ZCARD', WAITING) * it.points > limit then
        local ahead = tonumber(redis.call('ZSCORE', TURNS, it.site)) - least()
        if ahead > 0 and ahead >= it.points then return refuse('share', math.min(MINUTE, until_free)) end
      end
    end
  end
end

-- 3. Is there room at the site?
redis.call('ZREMRANGEBYSCORE', LEASES, '-inf', whole(now))
local is_awaited = it.purpose == 'read-through'
local is_full = redis.call('ZCARD', LEASES) >= it.concurrency
if is_full and is_awaited then  -- whoever waits for an answer has the next room: nobody else enters before
  redis.call('HSET', SITE, 'awaited_until', whole(now + AWAITED))
  redis.call('PEXPIRE', SITE, DAY)
end
if is_full or (not is_awaited and of_site.awaited_until > now) then return refuse('concurrency', 50, it.slot) end

-- 4. Is it our turn? Turns lie 1/rate seconds apart; who is early is given one to come back at. A cut revokes them.
local slot = it.given > of_endpoint.cut and it.slot or 0
if slot > now then return refuse('pace', slot - now, slot) end
if slot < now - LATE then
  local rate, free = math.min(it.ceiling, of_endpoint.rate), math.max(now, of_endpoint.free)
  slot = math.ceil(free)
  if slot - now > it.patience then return refuse('pace', slot - now) end
  redis.call('HSET', SITE, prefix .. 'rate', rate, prefix .. 'free', string.format('%.3f', free + 1000 / rate))
  redis.call('PEXPIRE', SITE, DAY)
  if slot > now then return refuse('pace', slot - now, slot) end
end

-- Admitted.
if is_awaited and of_site.awaited_until > 0 then redis.call('HDEL', SITE, 'awaited_until') end
redis.call('ZADD', LEASES, whole(now + it.lease_ms), it.lease)
redis.call('PEXPIRE', LEASES, it.lease_ms)
if it.metered then
  if shares_app then redis.call('HINCRBY', ledger, 'total', it.points) end
  redis.call('HINCRBY', ledger, 'site ' .. it.site, it.points)
  redis.call('HINCRBY', ledger, 'purpose ' .. it.purpose, it.points)
  if is_backfill then
    redis.call('HINCRBY', ledger, 'backfill ' .. it.site, it.points)
    if tonumber(redis.call('ZSCORE', TURNS, it.site)) > 0 then
      redis.call('ZINCRBY', TURNS, it.points, it.site)
    else  -- its first page: from now on it stands beside those that have had least
      local served = tonumber(redis.call('ZRANGEBYSCORE', TURNS, '(0', '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2] or 0)
      redis.call('ZADD', TURNS, math.max(served, it.points), it.site)
    end
  end
  redis.call('PEXPIRE', ledger, 2 * DAY)
end
return {{1, now, hour, shares_app and 1 or 0}}
"""

# KEYS: app, site, leases, turns
# ARGV: {offset, ledger, site, endpoint, ceiling, start, floor, first_climb and climb (clean answers to one more request a
#   second, before and after the first cut), climb_within (seconds: where fewer go out in them, so many are enough),
#   lease, metered, shares_app, purpose, admitted (ms), hour (of the admission), expected, points (what it really cost),
#   effect, scope and wait (ms) of a pause, why, quota (the app's, until Jira names it), app_quota, app_left, site_quota,
#   site_left (absent: not said)}
SETTLE = f"""{_OPENING}
local APP, SITE, LEASES, TURNS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local DAY = 86400000
redis.call('ZREM', LEASES, it.lease)
redis.call('HINCRBY', it.ledger .. whole(hour), 'requests', 1)
if it.scope then redis.call('HINCRBY', it.ledger .. whole(hour), 'refused ' .. it.scope, 1) end
redis.call('PEXPIRE', it.ledger .. whole(hour), 2 * DAY)

if it.metered then
  local function book(ledger, points)
    if points == 0 then return end
    if it.shares_app then redis.call('HINCRBY', ledger, 'total', points) end
    redis.call('HINCRBY', ledger, 'site ' .. it.site, points)
    redis.call('HINCRBY', ledger, 'purpose ' .. it.purpose, points)
    if it.shares_app and it.purpose == 'backfill' then redis.call('HINCRBY', ledger, 'backfill ' .. it.site, points) end
    redis.call('PEXPIRE', ledger, 2 * DAY)
  end
  book(it.ledger .. whole(it.hour), it.points - it.expected)
  if it.shares_app and it.purpose == 'backfill' and redis.call('ZSCORE', TURNS, it.site) then
    redis.call('ZINCRBY', TURNS, it.points - it.expected, it.site)
  end
  -- Nobody knows in which hour Jira counts a request that was under way at the full hour: it counts in both.
  if hour ~= it.hour then book(it.ledger .. whole(hour), it.points) end

  if it.app_quota then redis.call('HSET', APP, 'quota', it.app_quota) end
  if it.site_quota then redis.call('HSET', SITE, 'quota', it.site_quota) end
  if it.app_quota or it.site_quota then redis.call('HSET', SITE, 'shares_app', it.app_quota and '1' or '0') end
  -- Where Jira has counted more than we have, as after a loss of our data, Jira is right.
  local function at_least(field, quota, left)
    if not (quota > 0 and left and hour == it.hour) then return end
    local ledger = it.ledger .. whole(hour)
    if quota - left > number(ledger, field) then
      redis.call('HSET', ledger, field, quota - left)
      redis.call('PEXPIRE', ledger, 2 * DAY)
    end
  end
  local known = number(APP, 'quota')
  at_least('total', known > 0 and known or it.quota, it.app_left)
  at_least('site ' .. it.site, number(SITE, 'quota'), it.site_left)
end

local function rate_of(endpoint) return tonumber(redis.call('HGET', SITE, endpoint .. ' rate') or it.start) end
local function halve(endpoint)  -- once for all that was under way; turns given before the cut are no longer good
  if it.admitted <= number(SITE, endpoint .. ' cut') then return end
  local rate = math.max(it.floor, rate_of(endpoint) / 2)
  redis.call('HSET', SITE, endpoint .. ' rate', rate, endpoint .. ' clean', 0, endpoint .. ' cut', whole(now),
    endpoint .. ' free', string.format('%.3f', now + 1000 / rate))
end
if it.effect == 'clean' then
  local was_cut = redis.call('HEXISTS', SITE, it.endpoint .. ' cut') == 1
  local clean = redis.call('HINCRBY', SITE, it.endpoint .. ' clean', 1)
  local rate = rate_of(it.endpoint)
  -- A slow pace need not wait for minutes: as many answers as it has in a few seconds are enough.
  local enough = was_cut and math.min(it.climb, math.ceil(it.climb_within * rate)) or it.first_climb
  if clean >= enough then
    redis.call('HSET', SITE, it.endpoint .. ' clean', 0, it.endpoint .. ' rate', math.min(it.ceiling, rate + 1))
  end
elseif it.effect == 'slower' then
  halve(it.endpoint)
elseif it.effect == 'all-slower' then
  halve(it.endpoint)
  for _, field in ipairs(redis.call('HKEYS', SITE)) do
    local endpoint = string.match(field, '^(.*) rate$')
    if endpoint and endpoint ~= it.endpoint then halve(endpoint) end
  end
end

if it.scope then
  local key = it.scope == 'app' and APP or SITE
  local prefix = it.scope == 'endpoint' and it.endpoint .. ' ' or ''
  if now + it.wait > number(key, prefix .. 'blocked_until') then
    redis.call('HSET', key, prefix .. 'blocked_until', whole(now + it.wait), prefix .. 'why', it.why)
  end
end
if redis.call('EXISTS', APP) == 1 then redis.call('PEXPIRE', APP, DAY) end
redis.call('PEXPIRE', SITE, DAY)
return 1
"""

# KEYS: leases · ARGV: {offset, leases, lease_ms}; one that was given back meanwhile stays so
KEEP = f"""{_OPENING}
for _, lease in ipairs(it.leases) do redis.call('ZADD', KEYS[1], 'XX', whole(now + it.lease_ms), lease) end
redis.call('PEXPIRE', KEYS[1], it.lease_ms)
return 1
"""
