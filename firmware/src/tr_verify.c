#include "tr_verify.h"

#include "tr_formats.h"

/* From the linker script; null without one that knows them. */
extern const uint32_t tr_model_start[] __attribute__((weak));
extern const uint32_t tr_model_end[] __attribute__((weak));

#define BLOCK_WORDS 4096u /* whose sums are far from 2^64 */

static struct {
    uint32_t done; /* words of this round */
    uint32_t low, high;
    bool damaged; /* by the last whole round */
} state;

/* Modulo 2^32 - 1, where 2^32 is 1; 0 is written as 0. */
static uint32_t fold(uint64_t sum)
{
    sum = (sum >> 32) + (uint32_t)sum;
    sum = (sum >> 32) + (uint32_t)sum;
    return (uint32_t)sum == UINT32_MAX ? 0u : (uint32_t)sum;
}

/* The seal may have been filled in after the compiler saw its zeros. */
static uint32_t sealed(uint32_t field)
{
    return *(const volatile uint32_t *)&tr_model_seal[field / 4u];
}

static uint32_t model_words(void)
{
    return (uint32_t)(tr_model_end - tr_model_start);
}

/* The round ends where the model does. Address sanitizers put guards between the objects that it sums. */
#if defined(__GNUC__)
__attribute__((no_sanitize("address")))
#endif
static void advance(uint32_t most)
{
    uint32_t words = model_words() - state.done;
    words = words < most ? words : most;
    const uint32_t *from = tr_model_start + state.done;
    uint64_t low = state.low, high = state.high;
    state.done += words;
    for (; words > 0u; words--) {
        low += *from++;
        high += low;
    }
    state.low = fold(low);
    state.high = fold(high);
}

static bool is_right(void)
{
    return sealed(TR_MODEL_SEAL_BYTES_OFFSET) == 4u * model_words() && sealed(TR_MODEL_SEAL_LOW_OFFSET) == state.low &&
           sealed(TR_MODEL_SEAL_HIGH_OFFSET) == state.high;
}

static void begin(void) { state.done = state.low = state.high = 0u; }

bool tr_verify_is_sealed(void)
{
    return tr_model_start != 0 && (sealed(TR_MODEL_SEAL_BYTES_OFFSET) | sealed(TR_MODEL_SEAL_LOW_OFFSET) |
                                   sealed(TR_MODEL_SEAL_HIGH_OFFSET)) != 0u;
}

bool tr_verify_step(void)
{
    advance(TR_VERIFY_STEP_BYTES / 4u);
    if (state.done == model_words()) {
        state.damaged = !is_right();
        begin();
    }
    return !state.damaged;
}

bool tr_verify(void)
{
    begin();
    while (state.done < model_words()) {
        advance(BLOCK_WORDS);
    }
    state.damaged = !is_right();
    begin();
    return !state.damaged;
}
