/* What a core waits for while it reads code and constants through flash: an accelerator of prefetch and caches, played
 * through the stream of blocks and reads that an emulated core gave. Compiled for this computer by waits.py. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

/* Events: a block is IS_BLOCK | number, anything else an address that is read. */
#define IS_BLOCK (1ull << 63)
#define NOWHERE UINT64_MAX

/* The recorder: Unicorn calls `tr_block` before every block and `tr_read` before every read. */
struct recorder {
    uint64_t *events;
    uint64_t count, enough, room, lost;
    void (*full)(void);
};

void tr_block(void *engine, uint64_t address, uint32_t size, struct recorder *to)
{
    (void)engine;
    if (to->count >= to->enough) {
        to->full();
    }
    to->events[to->count++] = IS_BLOCK | address << 16 | size;
}

void tr_read(void *engine, int type, uint64_t address, int size, int64_t value, struct recorder *to)
{
    (void)engine, (void)type, (void)size, (void)value;
    if (to->count + 1u < to->room) {
        to->events[to->count++] = address;
    } else {
        to->lost++;
    }
}

/* Lines of sectors, which are what one access to flash gives, in sets of `ways`; least recently used gives way. */
struct cache {
    uint32_t sets, ways, line_bytes, sector_bytes;
    uint64_t *tags, *used; /* [sets][ways] */
    uint32_t *valid;       /* a bit a sector */
    uint64_t clock;
};

struct waits {
    uint64_t origin, end; /* addresses behind flash */
    uint64_t width, wait_states;
    bool prefetch, unified;
    struct cache code, data;
    uint64_t now, free_at;       /* when flash takes the next access */
    uint64_t current;            /* the line that code is read from */
    uint64_t ahead, ahead_ready; /* the prefetched one, and when it is there */
    uint64_t cycles, code_stalls, data_stalls;
};

struct step {
    uint32_t bytes, cycles, reads;
};

static bool make_cache(struct cache *cache, uint32_t lines, uint32_t ways, uint32_t line_bytes, uint32_t sector_bytes)
{
    cache->ways = ways == 0u ? lines : ways;
    cache->sets = lines == 0u ? 0u : lines / cache->ways;
    cache->line_bytes = line_bytes;
    cache->sector_bytes = sector_bytes;
    if (lines == 0u) {
        return true;
    }
    cache->tags = malloc(lines * sizeof *cache->tags);
    cache->used = calloc(lines, sizeof *cache->used);
    cache->valid = calloc(lines, sizeof *cache->valid);
    if (cache->tags == NULL || cache->used == NULL || cache->valid == NULL) {
        return false;
    }
    memset(cache->tags, 0xff, lines * sizeof *cache->tags);
    return true;
}

/* Whether the sector is there; if `fill`, it is afterwards. */
static bool holds(struct cache *cache, uint64_t address, bool fill)
{
    if (cache->sets == 0u) {
        return false;
    }
    uint64_t tag = address / cache->line_bytes;
    uint32_t bit = 1u << (address % cache->line_bytes / cache->sector_bytes);
    size_t first = (size_t)(tag % cache->sets) * cache->ways, oldest = first;
    for (size_t at = first; at < first + cache->ways; at++) {
        if (cache->tags[at] == tag) {
            bool there = (cache->valid[at] & bit) != 0u;
            if (there || fill) {
                cache->used[at] = ++cache->clock;
                cache->valid[at] |= bit;
            }
            return there;
        }
        oldest = cache->used[at] < cache->used[oldest] ? at : oldest;
    }
    if (fill) {
        cache->tags[oldest] = tag;
        cache->valid[oldest] = bit;
        cache->used[oldest] = ++cache->clock;
    }
    return false;
}

/* An access to flash that the core waits for; the stall. */
static uint64_t access(struct waits *waits)
{
    uint64_t start = waits->now > waits->free_at ? waits->now : waits->free_at;
    uint64_t stall = start + waits->wait_states - waits->now;
    waits->now += stall;
    waits->free_at = waits->now;
    return stall;
}

static void read_ahead(struct waits *waits, uint64_t line)
{
    uint64_t next = line + waits->width;
    if (!waits->prefetch || waits->ahead == next || next >= waits->end || holds(&waits->code, next, false)) {
        return;
    }
    uint64_t start = waits->now > waits->free_at ? waits->now : waits->free_at;
    waits->ahead = next;
    waits->ahead_ready = start + waits->wait_states + 1u;
    waits->free_at = waits->ahead_ready;
}

static void fetch(struct waits *waits, uint64_t line)
{
    if (line == waits->current) {
        return;
    }
    if (waits->ahead == line) {
        uint64_t stall = waits->ahead_ready > waits->now ? waits->ahead_ready - waits->now : 0u;
        waits->now += stall;
        waits->code_stalls += stall;
        waits->ahead = NOWHERE;
        (void)holds(&waits->code, line, true);
    } else if (!holds(&waits->code, line, true)) {
        waits->code_stalls += access(waits);
    }
    waits->current = line;
    read_ahead(waits, line);
}

static void read_data(struct waits *waits, uint64_t address)
{
    if (address < waits->origin || address >= waits->end) {
        return;
    }
    struct cache *cache = waits->unified ? &waits->code : &waits->data;
    if (!holds(cache, address / waits->width * waits->width, true)) {
        waits->data_stalls += access(waits);
    }
}

static void fetch_code(struct waits *waits, uint64_t address, uint32_t bytes)
{
    if (address < waits->origin || address >= waits->end) {
        return;
    }
    uint64_t first = address / waits->width * waits->width;
    for (uint64_t line = first; line < address + bytes; line += waits->width) {
        fetch(waits, line);
    }
}

void tr_waits_free(struct waits *waits)
{
    struct cache *caches[] = {&waits->code, &waits->data};
    for (size_t n = 0; n < 2u; n++) {
        free(caches[n]->tags);
        free(caches[n]->used);
        free(caches[n]->valid);
    }
    free(waits);
}

/* `facts`: origin, bytes, width, wait states, prefetch, unified, then lines, ways and bytes a line of code's cache and
 * of that of data; NULL without memory. */
struct waits *tr_waits_new(const uint64_t *facts)
{
    struct waits *waits = calloc(1, sizeof *waits);
    if (waits == NULL) {
        return NULL;
    }
    waits->origin = facts[0];
    waits->end = facts[0] + facts[1];
    waits->width = facts[2];
    waits->wait_states = facts[3];
    waits->prefetch = facts[4] != 0u;
    waits->unified = facts[5] != 0u;
    waits->current = waits->ahead = NOWHERE;
    uint32_t sector = (uint32_t)waits->width;
    if (!make_cache(&waits->code, (uint32_t)facts[6], (uint32_t)facts[7], (uint32_t)facts[8], sector) ||
        !make_cache(&waits->data, (uint32_t)facts[9], (uint32_t)facts[10], (uint32_t)facts[11], sector)) {
        tr_waits_free(waits);
        return NULL;
    }
    return waits;
}

/* Plays `count` events. Block number n lies at addresses[n] and has the steps from starts[n] to starts[n + 1]: each
 * is fetched, reads what the stream says next, and takes its cycles. */
void tr_waits_play(struct waits *waits, const uint64_t *events, size_t count, const uint64_t *addresses,
                   const uint64_t *starts, const struct step *steps)
{
    for (size_t at = 0; at < count;) {
        uint64_t number = events[at++] & ~IS_BLOCK;
        uint64_t address = addresses[number];
        for (uint64_t n = starts[number]; n < starts[number + 1u]; n++) {
            const struct step *step = &steps[n];
            fetch_code(waits, address, step->bytes);
            address += step->bytes;
            for (uint32_t left = step->reads; left > 0u && at < count && (events[at] & IS_BLOCK) == 0u; left--) {
                read_data(waits, events[at++]);
            }
            waits->now += step->cycles;
            waits->cycles += step->cycles;
        }
        while (at < count && (events[at] & IS_BLOCK) == 0u) {
            read_data(waits, events[at++]);
        }
    }
}

/* Cycles without waiting, stalls of code, stalls of data; since the last call. */
void tr_waits_take(struct waits *waits, uint64_t *taken)
{
    taken[0] = waits->cycles;
    taken[1] = waits->code_stalls;
    taken[2] = waits->data_stalls;
    waits->cycles = waits->code_stalls = waits->data_stalls = 0u;
}
