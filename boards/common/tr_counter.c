/* tr_board_ticks() and tr_board_millis() for boards with a 32-bit timer, and on
 * Armv7-M with the cycle counter if the core has one that counts: QEMU's reads as zero,
 * and it is optional in silicon (Armv7-M Architecture Reference Manual, DDI 0403E, C1.8).
 * Both wrap after 2^32 ticks and are extended in software at each call, without interrupts:
 * two calls must lie less than 2^32 ticks apart. */
#include "tr_board.h"
#include "tr_formats.h"
#include "tr_parts.h"

static struct {
    uint32_t (*read)(void);
    uint32_t kind;       /* enum tr_counter */
    uint32_t hz;         /* rate of what read() gives */
    uint32_t last;       /* what it gave at the last call of tr_board_ticks() */
    uint64_t ticks;      /* the same, extended */
    uint32_t last_timer; /* timer up to which `millis` counts */
    uint32_t millis;
} counter;

#if defined(__ARM_ARCH) && __ARM_ARCH >= 7 && __ARM_ARCH_PROFILE == 'M'

#define DEMCR TR_REGISTER(0xe000edfcu)      /* Debug Exception and Monitor Control, DDI 0403E C1.6.5 */
#define DWT_CTRL TR_REGISTER(0xe0001000u)   /* DDI 0403E C1.8.7 */
#define DWT_CYCCNT TR_REGISTER(0xe0001004u) /* DDI 0403E C1.8.8 */
#define DEMCR_TRCENA (1u << 24)
#define DWT_CTRL_CYCCNTENA 1u

static void cycles_start(void)
{
    DEMCR |= DEMCR_TRCENA;
    DWT_CTRL |= DWT_CTRL_CYCCNTENA;
}

static uint32_t cycles_read(void) { return DWT_CYCCNT; }

#else /* no cycle counter in Armv6-M */

static void cycles_start(void) {}
static uint32_t cycles_read(void) { return 0u; }

#endif

/* Does it change while the core spins? */
static bool moves(uint32_t (*read)(void))
{
    uint32_t before = read();
    for (volatile uint32_t spin = 0u; spin < 100u; spin++) {
    }
    return read() != before;
}

void tr_counter_init(void)
{
    cycles_start();
    if (moves(cycles_read)) {
        counter.read = cycles_read;
        counter.kind = TR_COUNTER_CYCLES;
        counter.hz = tr_core_hz();
    } else {
        counter.read = tr_timer_read;
        counter.kind = moves(tr_timer_read) ? tr_timer_kind() : (uint32_t)TR_COUNTER_NONE;
        counter.hz = tr_timer_hz();
    }
    counter.last = counter.read();
    counter.last_timer = tr_timer_read();
}

uint64_t tr_board_ticks(void)
{
    uint32_t now = counter.read();
    counter.ticks += now - counter.last;
    counter.last = now;
    return counter.ticks;
}

uint32_t tr_board_ticks_hz(void) { return counter.hz; }

uint32_t tr_board_counter(void) { return counter.kind; }

uint32_t tr_board_millis(void)
{
    uint32_t per_milli = tr_timer_hz() / 1000u;
    uint32_t passed = (tr_timer_read() - counter.last_timer) / per_milli;
    counter.last_timer += passed * per_milli;
    counter.millis += passed;
    return counter.millis;
}
