/* The literal term-pair MAC loop: both operands are sums of signed powers of two, and every pair
 * of terms adds +-2^(ew + ex). Kung, McDanel and Zhang, SC20, section 3; no multiplication.
 *
 * Behind the patch, scratch holds one word per activation with up to five terms of six bits each:
 * exponent (4), sign (1), valid (1), lowest term first. Five is the most that -256 to 256 needs. */
#include "tr_kernels.h"

#define DATA_TERM_BITS 6u
#define DATA_EXPONENT 0x0fu
#define DATA_SIGN 0x10u
#define DATA_VALID 0x20u

static uint32_t *data_terms(int16_t *scratch, uint32_t depth)
{
    return (uint32_t *)(void *)(scratch + ((depth + 1u) & ~1u));
}

/* Non-adjacent form of one activation (Reitwiesner, 1960): digits are 3x ^ x without its lowest bit. */
static uint32_t encode(int32_t value)
{
    uint32_t magnitude = (uint32_t)(value < 0 ? -value : value);
    uint32_t triple = magnitude + (magnitude << 1);
    uint32_t added = (triple & ~magnitude) >> 1;
    uint32_t taken = (magnitude & ~triple) >> 1;
    uint32_t terms = 0u;
    uint32_t position = 0u;
    for (uint32_t exponent = 0u; (added | taken) >> exponent != 0u; exponent++) {
        uint32_t plus = added >> exponent & 1u;
        uint32_t minus = taken >> exponent & 1u;
        if ((plus | minus) != 0u) {
            uint32_t negative = (minus != 0u) != (value < 0) ? DATA_SIGN : 0u;
            terms |= (exponent | negative | DATA_VALID) << position;
            position += DATA_TERM_BITS;
        }
    }
    return terms;
}

static void prepare(const struct tr_table *table, int16_t *scratch)
{
    uint32_t *terms = data_terms(scratch, table->depth);
    for (uint32_t i = 0u; i < table->depth; i++) {
        terms[i] = encode(scratch[i]);
    }
}

/* Sum, modulo 2^32, over the pairs of one weight term with every term of one activation. */
static uint32_t multiply_accumulate(uint32_t sum, uint32_t word, uint32_t terms)
{
    uint32_t exponent = tr_term_word_exponent(word);
    uint32_t sign = tr_term_word_sign(word) * DATA_SIGN;
    for (; terms != 0u; terms >>= DATA_TERM_BITS) {
        uint32_t pair = (uint32_t)1 << (exponent + (terms & DATA_EXPONENT));
        sum += (terms & DATA_SIGN) == sign ? pair : 0u - pair;
    }
    return sum;
}

static int32_t row(const struct tr_table *table, uint32_t row, const int16_t *scratch)
{
    const uint16_t *words = table->words;
    const uint32_t *group = data_terms((int16_t *)(uintptr_t)scratch, table->depth);
    uint32_t sum = 0u;
    for (uint32_t i = table->starts[row]; i < table->starts[row + 1u]; i++) {
        uint32_t word = words[i];
        if (tr_term_word_exponent(word) != TR_NO_TERM) {
            sum = multiply_accumulate(sum, word, group[tr_term_word_index(word)]);
        }
        if (tr_term_word_last(word) != 0u) {
            group += table->group;
        }
    }
    return (int32_t)sum;
}

const struct tr_dot tr_dot_pairs = {prepare, row};
