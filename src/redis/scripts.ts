import { createHash } from 'node:crypto';

/** A script of Redis. */
export interface Script {
  readonly text: string;
  /** By which the server knows the script. */
  readonly sha: string;
}

function script(text: string): Script {
  return { text, sha: createHash('sha1').update(text).digest('hex') };
}

/** Values of one entry among the arguments of {@link APPEND}. */
const APPEND_VALUES = 11;

/**
 * Stores and announces entries of one topic, behind the fence of their partition.
 *
 * Keys: log, state, fence, and a key for each entry with an idempotency key. Arguments: generation, sequence number of the
 * first entry, an epoch for a new topic, channel; then for each entry: bytes, meta, tag, most entries, most bytes, age in
 * ms, life of the topic in ms, key, owner, owner that is asked for, ttl in ms. Of these a value that is not there is empty;
 * the key has `=` in front of it, `-` when the entry takes it out; the owner that is asked for has `=` in front; the ttl is
 * 0 without one, and has `i` behind it when the entry has an idempotency key.
 *
 * Answer: `early` when the fence stands elsewhere, so nothing was done. Otherwise the epoch, and for each entry its offset,
 * `k` and the place of the known idempotency key, or `s` and the head when the owner did not fit.
 *
 * The server refuses the whole script when it has no memory left, so that no entry is stored half.
 */
export const APPEND: Script = script(`#!lua
local generation, last = string.match(redis.call('get', KEYS[3]) or '', '^(%d+) (%d+)$')
if generation ~= ARGV[1] or tonumber(last) + 1 ~= tonumber(ARGV[2]) then return 'early' end
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local epoch, offset, tag, size, keptMs = unpack(redis.call('hmget', KEYS[2], 'e', 's', 't', 'b', 'k'))
local isNew = not epoch
if isNew then epoch = ARGV[3] offset = 0 tag = '0' size = 0 redis.call('del', KEYS[1]) end
offset = tonumber(offset)
size = tonumber(size or 0)
local answer, nextKey, count, ageMs, lifeMs = {epoch}, 4, 0, nil, '1'
for i = 5, #ARGV, ${APPEND_VALUES} do
  local bytes, meta, newTag, most, mostBytes, ms, life, key, owner, ifOwner, ttl = unpack(ARGV, i, i + ${APPEND_VALUES - 1})
  count = count + 1
  if tonumber(life) > tonumber(lifeMs) then lifeMs = life end
  local idempotent
  if string.sub(ttl, -1) == 'i' then
    ttl = string.sub(ttl, 1, -2)
    idempotent = KEYS[nextKey]
    nextKey = nextKey + 1
  end
  local field, known = string.sub(key, 2), idempotent and redis.call('get', idempotent)
  local fits = true
  if not known and ifOwner ~= '' then
    local current = redis.call('hget', KEYS[2], '=' .. field)
    if current then
      local at, currentTtl = string.match(current, '^%S+ (%d+) (%d+)')
      if currentTtl ~= '0' and at + currentTtl <= now then current = false end
    end
    local asked = string.sub(ifOwner, 2)
    if current then fits = redis.call('hget', KEYS[2], '@' .. field) == (asked ~= '' and asked or owner)
    else fits = asked == '' end
  end
  if known then answer[#answer + 1] = 'k' .. known
  elseif not fits then answer[#answer + 1] = 's' .. offset .. ' ' .. tag
  else
    offset = offset + 1
    ageMs = ms
    local entry = offset .. '-' .. newTag .. '-' .. tag .. ' ' .. now .. ' ' .. ttl .. ' ' .. #meta .. ' ' .. meta .. bytes
    tag = newTag
    local length = redis.call('rpush', KEYS[1], entry)
    if length == 1 then size = 0 end
    size = size + #bytes
    while length > 0 and (length > tonumber(most) or size > tonumber(mostBytes)) do
      local oldest = redis.call('lpop', KEYS[1])
      local metaBytes, start = string.match(oldest, '^%S+ %d+ %d+ (%d+) ()')
      size = size - (#oldest - start + 1 - metaBytes)
      length = length - 1
    end
    if key ~= '' then
      if string.sub(key, 1, 1) == '-' then redis.call('hdel', KEYS[2], '=' .. field, '@' .. field)
      else
        redis.call('hset', KEYS[2], '=' .. field, entry)
        if owner ~= '' then redis.call('hset', KEYS[2], '@' .. field, owner) else redis.call('hdel', KEYS[2], '@' .. field) end
      end
    end
    if idempotent then redis.call('set', idempotent, epoch .. ' ' .. offset .. ' ' .. tag, 'PX', 120000) end
    redis.call('spublish', ARGV[4], epoch .. ' ' .. entry)
    answer[#answer + 1] = offset
  end
end
if isNew or (ageMs and ageMs ~= keptMs) then redis.call('hset', KEYS[2], 'e', epoch, 'k', ageMs or '1') end
if isNew or ageMs then redis.call('hset', KEYS[2], 's', offset, 't', tag, 'b', size) end
if ageMs then redis.call('pexpire', KEYS[1], ageMs) end
if isNew then redis.call('pexpire', KEYS[2], lifeMs) else redis.call('pexpire', KEYS[2], lifeMs, 'GT') end
redis.call('set', KEYS[3], ARGV[1] .. ' ' .. (last + count), 'EX', 600)
return answer`);

/**
 * Begins a new generation of a node in a partition: what the node has sent before and was not carried out never is.
 *
 * Key: fence. Arguments: generation, the last sequence number that the node knows to be stored. Answer: the last one that is
 * stored, or minus one minus the generation that stands there when that is not a lower one.
 */
export const RAISE: Script = script(`#!lua flags=allow-oom
local generation, last = string.match(redis.call('get', KEYS[1]) or '', '^(%d+) (%d+)$')
generation = tonumber(generation or -1)
last = math.max(tonumber(last or 0), tonumber(ARGV[2]))
if tonumber(ARGV[1]) <= generation then return -1 - generation end
redis.call('set', KEYS[1], ARGV[1] .. ' ' .. last, 'EX', 600)
return last`);

/**
 * Announces an entry that is not stored.
 *
 * Key: state. Arguments: channel, bytes, meta, ttl in ms. Answer: the epoch of the topic, `0` when it has none.
 */
export const ANNOUNCE: Script = script(`#!lua flags=allow-oom
local time = redis.call('time')
local epoch = redis.call('hget', KEYS[1], 'e') or '0'
local now = time[1] * 1000 + math.floor(time[2] / 1000)
redis.call('spublish', ARGV[1], epoch .. ' 0-0-0 ' .. now .. ' ' .. ARGV[4] .. ' ' .. #ARGV[3] .. ' ' .. ARGV[3] .. ARGV[2])
return epoch`);

/** How long a topic without entries, or one that is read, keeps its epoch at least: head checks come more often. */
const READ_LIFE_MS = 600_000;

/**
 * Reads the entries of a topic.
 *
 * Keys: log, state. Arguments: epoch, offset and tag behind which to read (empty without), the offset in front of which to
 * stop (0 without), number of newest entries (empty without), most entries, most bytes, `1` when the state is wanted, an
 * epoch for a new topic. Answer: epoch, offset and tag of the head, why entries are missing (or empty), entries, state.
 */
export const READ: Script = script(`#!lua flags=allow-oom
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local epoch, head, tag, size, keepMs = unpack(redis.call('hmget', KEYS[2], 'e', 's', 't', 'b', 'k'))
if not epoch then
  epoch = ARGV[9] head = '0' tag = '0'
  redis.call('del', KEYS[1])
  redis.call('hset', KEYS[2], 'e', epoch, 's', 0, 't', 0, 'b', 0)
  redis.call('pexpire', KEYS[2], ${READ_LIFE_MS})
else redis.call('pexpire', KEYS[2], ${READ_LIFE_MS}, 'GT') end

local function isOver(entry)
  local at, ttl = string.match(entry, '^%S+ (%d+) (%d+)')
  return ttl ~= '0' and at + ttl <= now
end
local function sizeOf(entry)
  local metaBytes, start = string.match(entry, '^%S+ %d+ %d+ (%d+) ()')
  return #entry - start + 1 - metaBytes
end

local trimmed = 0
for i = 1, keepMs and 100000 or 0 do
  local oldest = redis.call('lindex', KEYS[1], 0)
  if not oldest or string.match(oldest, '^%S+ (%d+)') + keepMs > now then break end
  redis.call('lpop', KEYS[1])
  trimmed = trimmed + sizeOf(oldest)
end
if trimmed > 0 then redis.call('hincrby', KEYS[2], 'b', -trimmed) end

local gap, length = '', redis.call('llen', KEYS[1])
local first = head - length + 1
local start, stop = 0, length
if ARGV[5] == '' and ARGV[1] ~= '' then
  local after = tonumber(ARGV[2])
  if ARGV[1] ~= epoch then gap = 'epoch'
  elseif after > tonumber(head) then gap = 'forked'
  elseif after < first - 1 then gap = 'trimmed'
  else
    local known = tag
    if after < first then
      if length > 0 then known = string.match(redis.call('lindex', KEYS[1], 0), '^%d+%-%d+%-(%d+)') end
    elseif after < tonumber(head) then known = string.match(redis.call('lindex', KEYS[1], after - first), '^%d+%-(%d+)') end
    if known ~= ARGV[3] then gap = 'forked' end
    start = after - first + 1
  end
end
if ARGV[4] ~= '0' then stop = math.min(stop, math.max(0, ARGV[4] - first)) end
if ARGV[5] ~= '' then
  start = stop
  local wanted = tonumber(ARGV[5])
  while wanted > 0 and start > 0 do
    local from = math.max(0, start - math.min(wanted, 64))
    local entries = redis.call('lrange', KEYS[1], from, start - 1)
    for i = #entries, 1, -1 do
      if wanted > 0 then
        start = start - 1
        if not isOver(entries[i]) then wanted = wanted - 1 end
      end
    end
  end
end

local found, bytes, most, mostBytes = {}, 0, tonumber(ARGV[6]), tonumber(ARGV[7])
if gap ~= '' then most = 0 end
while start < stop and #found < most do
  local entries = redis.call('lrange', KEYS[1], start, math.min(stop, start + 64) - 1)
  start = start + #entries
  for _, entry in ipairs(entries) do
    if not isOver(entry) then
      bytes = bytes + sizeOf(entry)
      if #found >= most or (bytes > mostBytes and #found > 0) then start = stop break end
      found[#found + 1] = entry
    end
  end
end

local state = {}
if ARGV[8] == '1' then
  local fields = redis.call('hgetall', KEYS[2])
  for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, 1) == '=' then
      if isOver(fields[i + 1]) then redis.call('hdel', KEYS[2], fields[i], '@' .. string.sub(fields[i], 2))
      else state[#state + 1] = fields[i + 1] end
    end
  end
end
return {epoch, head, tag, gap, found, state}`);

/**
 * Renews the lease of a node.
 *
 * Key: leases. Arguments: id, `1` when the node is draining, time to live in ms, 0 ends the lease. Answer: id and draining
 * of each node whose lease lives.
 */
export const RENEW: Script = script(`#!lua flags=allow-oom
local time = redis.call('time')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
if tonumber(ARGV[3]) <= 0 then redis.call('hdel', KEYS[1], ARGV[1])
else redis.call('hset', KEYS[1], ARGV[1], ARGV[2] .. ' ' .. (now + ARGV[3])) end
local answer, leases = {}, redis.call('hgetall', KEYS[1])
for i = 1, #leases, 2 do
  local draining, ends = string.match(leases[i + 1], '^(%d) (%d+)$')
  if tonumber(ends) <= now then redis.call('hdel', KEYS[1], leases[i])
  else
    answer[#answer + 1] = leases[i]
    answer[#answer + 1] = draining
  end
end
redis.call('pexpire', KEYS[1], 86400000)
return answer`);

/** All scripts, which a new connection loads. */
export const SCRIPTS: readonly Script[] = [APPEND, RAISE, ANNOUNCE, READ, RENEW];
