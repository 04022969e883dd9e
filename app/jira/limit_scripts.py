"""The limiter's three scripts for Redis; each is atomic, so two processes never see the same room.

Every script takes one argument, an object in JSON, and reads Redis's clock (`offset` ms is for tests). The keys, all of
them under `jira:`

| key             | kind | holds |
|-----------------|------|-------|
| `app`           | hash | `quota`, `blocked_until`, `why` |
| `site:<site>`   | hash | `quota`, `shares_app`, `blocked_until`, `why`, `awaited_until` |
| (the same)      |      | of an endpoint: `blocked_until`, `why`, `rate`, `clean`, `cut`, `free`, after its name |
| `leases:<site>` | zset | requests in flight, by the end of their lease |
| `waiting`       | zset | sites with demand for backfill points, by the time at which they are dropped |
| `turns`         | zset | the same sites, by points used, starting at the lowest score at the time of their first page |
| `points:<hour>` | hash | `total`, `site|backfill|repair <site>`, `purpose <purpose>`, `requests`, `refused <scope>`; UTC |
"""

from __future__ import annotations

_OPENING = """
local args = cjson.decode(ARGV[1])
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000) + args.offset
local hour = math.floor(now / 3600000)
local function number(key, field) return tonumber(redis.call('HGET', key, field) or 0) end
local function whole(amount) return string.format('%.0f', amount) end
"""

# KEYS: app, site, leases, waiting, turns
# ARGV: {offset, ledger (prefix of the hours' keys), site, endpoint, ceiling, start (requests a second), lease (its id),
#   lease_ms, concurrency, metered (whether requests cost points),
#   purpose, points, part (of the hour that this purpose may fill), quota (the app's, until Jira names it),
#   patience (ms that the caller can still wait), slot (ms, an assigned turn; 0: none), slot_set_at (ms, of its assignment)}
# Returns {1, now, hour, whether it counts for the app} or {0, cause, ms to wait, slot, now}
ADMIT = f"""{_OPENING}
local APP, SITE, LEASES, WAITING, TURNS = KEYS[1], KEYS[2], KEYS[3], KEYS[4], KEYS[5]
local QUARTER, MINUTE, GRACE, DAY, LATE, AWAITED = 900000, 60000, 90000, 86400000, 100, 1000
local ledger = args.ledger .. whole(hour)
local next_hour = (hour + 1) * 3600000 - now

local prefix = args.endpoint .. ' '
local fields = redis.call('HMGET', SITE, 'shares_app', 'quota', 'blocked_until',
  prefix .. 'blocked_until', prefix .. 'rate', prefix .. 'free', prefix .. 'cut', 'awaited_until')
local function field(at) return tonumber(fields[at] or 0) end
local of_site = {{quota = field(2), blocked_until = field(3), awaited_until = field(8)}}
local of_endpoint = {{blocked_until = field(4), rate = tonumber(fields[5] or args.start), free = field(6), cut = field(7)}}

local shares_app = args.metered and fields[1] ~= '0'
local is_backfill = shares_app and args.purpose == 'backfill'

local function lowest() return tonumber(redis.call('ZRANGE', TURNS, 0, 0, 'WITHSCORES')[2] or 0) end
local function enlist(wait)  -- a postponed backfill keeps its share until it comes back; new sites are first
  if not is_backfill then return end
  redis.call('ZADD', TURNS, 'NX', 0, args.site)
  redis.call('PEXPIRE', TURNS, DAY)
  redis.call('ZADD', WAITING, 'GT', whole(now + wait + GRACE), args.site)
  redis.call('PEXPIRE', WAITING, DAY)
end
local function update_queue()  -- sites without further demand leave
  for _, name in ipairs(redis.call('ZRANGEBYSCORE', WAITING, '-inf', whole(now))) do redis.call('ZREM', TURNS, name) end
  redis.call('ZREMRANGEBYSCORE', WAITING, '-inf', whole(now))
  enlist(0)
end
local function refuse(cause, wait, slot)
  enlist(wait)
  return {{0, cause, math.ceil(wait), slot or 0, now}}
end

-- 1. Is anything parked?
if args.metered then
  local wait = number(APP, 'blocked_until') - now
  if wait > 0 then return refuse('app', wait) end
end
if of_site.blocked_until > now then return refuse('site', of_site.blocked_until - now) end
if of_endpoint.blocked_until > now then return refuse('endpoint', of_endpoint.blocked_until - now) end

-- 2. Is there room in the hour? An unused hour admits any single request.
if args.metered then
  local function is_over(spent, limit) return spent > 0 and spent + args.points > limit end
  local site_limit = of_site.quota * args.part
  if site_limit > 0 and is_over(number(ledger, 'site ' .. args.site), site_limit) then return refuse('hour', next_hour) end
  if shares_app then
    local quota = number(APP, 'quota')
    local limit = (quota > 0 and quota or args.quota) * args.part
    local total = number(ledger, 'total')
    if is_over(total, limit) then return refuse('hour', next_hour) end
    if is_backfill then
      update_queue()
      local until_free = next_hour - QUARTER
      local site_points = number(ledger, 'backfill ' .. args.site)
      if until_free > 0 and site_points > 0 then
        local names, points = redis.call('ZRANGE', WAITING, 0, -1), 0
        for _, name in ipairs(names) do points = points + number(ledger, 'backfill ' .. name) end
        if site_points >= (limit - total + points) / #names then return refuse('share', math.min(MINUTE, until_free)) end
      end
      -- If this hour has fewer pages than sites, the sites with the fewest points of all hours go first.
      if until_free > 0 and redis.call('ZCARD', WAITING) * args.points > limit then
        local ahead = tonumber(redis.call('ZSCORE', TURNS, args.site)) - lowest()
        if ahead > 0 and ahead >= args.points then return refuse('share', math.min(MINUTE, until_free)) end
      end
    end
  end
end

-- 3. Is there room at the site?
redis.call('ZREMRANGEBYSCORE', LEASES, '-inf', whole(now))
local is_awaited = args.purpose == 'read-through'
local is_full = redis.call('ZCARD', LEASES) >= args.concurrency
if is_full and is_awaited then  -- the next room is reserved for a caller with a person or webhook behind it
  redis.call('HSET', SITE, 'awaited_until', whole(now + AWAITED))
  redis.call('PEXPIRE', SITE, DAY)
end
if is_full or (not is_awaited and of_site.awaited_until > now) then return refuse('concurrency', 50, args.slot) end

-- 4. Is it our turn? Turns lie 1/rate seconds apart; an early caller is assigned one to come back at. A cut revokes them.
local slot = args.slot_set_at > of_endpoint.cut and args.slot or 0
if slot > now then return refuse('pace', slot - now, slot) end
if slot < now - LATE then
  local rate, free = math.min(args.ceiling, of_endpoint.rate), math.max(now, of_endpoint.free)
  slot = math.ceil(free)
  if slot - now > args.patience then return refuse('pace', slot - now) end
  redis.call('HSET', SITE, prefix .. 'rate', rate, prefix .. 'free', string.format('%.3f', free + 1000 / rate))
  redis.call('PEXPIRE', SITE, DAY)
  if slot > now then return refuse('pace', slot - now, slot) end
end

-- Admitted.
if is_awaited and of_site.awaited_until > 0 then redis.call('HDEL', SITE, 'awaited_until') end
redis.call('ZADD', LEASES, whole(now + args.lease_ms), args.lease)
redis.call('PEXPIRE', LEASES, args.lease_ms)
if args.metered then
  if shares_app then redis.call('HINCRBY', ledger, 'total', args.points) end
  redis.call('HINCRBY', ledger, 'site ' .. args.site, args.points)
  redis.call('HINCRBY', ledger, 'purpose ' .. args.purpose, args.points)
  if args.purpose == 'repair' then redis.call('HINCRBY', ledger, 'repair ' .. args.site, args.points) end
  if is_backfill then
    redis.call('HINCRBY', ledger, 'backfill ' .. args.site, args.points)
    if tonumber(redis.call('ZSCORE', TURNS, args.site)) > 0 then
      redis.call('ZINCRBY', TURNS, args.points, args.site)
    else  -- its first page: from now on it ranks with the site of the lowest score
      local score = tonumber(redis.call('ZRANGEBYSCORE', TURNS, '(0', '+inf', 'WITHSCORES', 'LIMIT', 0, 1)[2] or 0)
      redis.call('ZADD', TURNS, math.max(score, args.points), args.site)
    end
  end
  redis.call('PEXPIRE', ledger, 2 * DAY)
end
return {{1, now, hour, shares_app and 1 or 0}}
"""

# KEYS: app, site, leases, turns
# ARGV: {offset, ledger, site, endpoint, ceiling, start, floor, first_climb and climb (clean answers for one more request a
#   second, before and after the first cut), climb_within (seconds: at a slow pace, the answers of this time suffice),
#   lease, metered, shares_app, purpose, admitted (ms), hour (of the admission), expected, points (the actual cost),
#   effect, scope and wait (ms) of a pause, why, quota (the app's, until Jira names it), app_quota, app_balance, site_quota,
#   site_balance (absent: unknown)}
SETTLE = f"""{_OPENING}
local APP, SITE, LEASES, TURNS = KEYS[1], KEYS[2], KEYS[3], KEYS[4]
local DAY = 86400000
redis.call('ZREM', LEASES, args.lease)
redis.call('HINCRBY', args.ledger .. whole(hour), 'requests', 1)
if args.scope then redis.call('HINCRBY', args.ledger .. whole(hour), 'refused ' .. args.scope, 1) end
redis.call('PEXPIRE', args.ledger .. whole(hour), 2 * DAY)

if args.metered then
  local function book(ledger, points)
    if points == 0 then return end
    if args.shares_app then redis.call('HINCRBY', ledger, 'total', points) end
    redis.call('HINCRBY', ledger, 'site ' .. args.site, points)
    redis.call('HINCRBY', ledger, 'purpose ' .. args.purpose, points)
    if args.purpose == 'repair' then redis.call('HINCRBY', ledger, 'repair ' .. args.site, points) end
    if args.shares_app and args.purpose == 'backfill' then redis.call('HINCRBY', ledger, 'backfill ' .. args.site, points) end
    redis.call('PEXPIRE', ledger, 2 * DAY)
  end
  book(args.ledger .. whole(args.hour), args.points - args.expected)
  if args.shares_app and args.purpose == 'backfill' and redis.call('ZSCORE', TURNS, args.site) then
    redis.call('ZINCRBY', TURNS, args.points - args.expected, args.site)
  end
  -- The hour in which Jira counts a request in flight at the full hour is unknown: it counts in both.
  if hour ~= args.hour then book(args.ledger .. whole(hour), args.points) end

  if args.app_quota then redis.call('HSET', APP, 'quota', args.app_quota) end
  if args.site_quota then redis.call('HSET', SITE, 'quota', args.site_quota) end
  if args.app_quota or args.site_quota then redis.call('HSET', SITE, 'shares_app', args.app_quota and '1' or '0') end
  -- If Jira has counted more than we have, for instance after a loss of our data, Jira is right.
  local function at_least(field, quota, balance)
    if not (quota > 0 and balance and hour == args.hour) then return end
    local ledger = args.ledger .. whole(hour)
    if quota - balance > number(ledger, field) then
      redis.call('HSET', ledger, field, quota - balance)
      redis.call('PEXPIRE', ledger, 2 * DAY)
    end
  end
  local app_quota = number(APP, 'quota')
  at_least('total', app_quota > 0 and app_quota or args.quota, args.app_balance)
  at_least('site ' .. args.site, number(SITE, 'quota'), args.site_balance)
end

local function rate_of(endpoint) return tonumber(redis.call('HGET', SITE, endpoint .. ' rate') or args.start) end
local function halve(endpoint)  -- once for all requests in flight; turns assigned before the cut are void
  if args.admitted <= number(SITE, endpoint .. ' cut') then return end
  local rate = math.max(args.floor, rate_of(endpoint) / 2)
  redis.call('HSET', SITE, endpoint .. ' rate', rate, endpoint .. ' clean', 0, endpoint .. ' cut', whole(now),
    endpoint .. ' free', string.format('%.3f', now + 1000 / rate))
end
if args.effect == 'clean' then
  local was_cut = redis.call('HEXISTS', SITE, args.endpoint .. ' cut') == 1
  local clean = redis.call('HINCRBY', SITE, args.endpoint .. ' clean', 1)
  local rate = rate_of(args.endpoint)
  -- A slow pace need not wait for minutes: the answers of a few seconds suffice.
  local threshold = was_cut and math.min(args.climb, math.ceil(args.climb_within * rate)) or args.first_climb
  if clean >= threshold then
    redis.call('HSET', SITE, args.endpoint .. ' clean', 0, args.endpoint .. ' rate', math.min(args.ceiling, rate + 1))
  end
elseif args.effect == 'slower' then
  halve(args.endpoint)
elseif args.effect == 'all-slower' then
  halve(args.endpoint)
  for _, field in ipairs(redis.call('HKEYS', SITE)) do
    local endpoint = string.match(field, '^(.*) rate$')
    if endpoint and endpoint ~= args.endpoint then halve(endpoint) end
  end
end

if args.scope then
  local key = args.scope == 'app' and APP or SITE
  local prefix = args.scope == 'endpoint' and args.endpoint .. ' ' or ''
  if now + args.wait > number(key, prefix .. 'blocked_until') then
    redis.call('HSET', key, prefix .. 'blocked_until', whole(now + args.wait), prefix .. 'why', args.why)
  end
end
if redis.call('EXISTS', APP) == 1 then redis.call('PEXPIRE', APP, DAY) end
redis.call('PEXPIRE', SITE, DAY)
return 1
"""

# KEYS: leases · ARGV: {offset, leases, lease_ms}; a lease released meanwhile stays released
KEEP = f"""{_OPENING}
for _, lease in ipairs(args.leases) do redis.call('ZADD', KEYS[1], 'XX', whole(now + args.lease_ms), lease) end
redis.call('PEXPIRE', KEYS[1], args.lease_ms)
return 1
"""
