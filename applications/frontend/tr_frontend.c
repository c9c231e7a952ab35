#include "tr_frontend.h"

#include "tr_frontend_tables.h"

#define FFT 512u
#define HALF (FFT / 2u) /* points of the complex FFT */
#define WINDOW_BITS 12
#define NOISE_BITS 14      /* of smoothing factors */
#define SMOOTHING_BITS 10  /* of noise estimates, below a signal's ones */
#define CORRECTION_BITS 3  /* what FFT and filters took from the signal's square root: log2(512) - 12 / 2 */
#define SNR_BITS 12
#define SNR_SHIFT 6        /* 21 bits of gain, less correction and SNR_BITS */
#define GAINED_BITS 6
#define LOG_BITS 16
#define LOG_SEGMENT_BITS 7
#define LOG_SCALE_SHIFT 6
#define LN2 45426u /* ln 2 in parts of 65536 */

/* Of noise that is taken away, in parts of 2^NOISE_BITS: smoothing of even and odd channels, and what at least is left. */
static const uint32_t smoothing[2] = {409u, 983u};
#define LEAST_LEFT 819u

/* Place of the highest bit that is set, 1 to 64; 0 for 0. */
static uint32_t bits_of(uint64_t value)
{
    uint32_t bits = 0u;
    for (uint32_t step = 32u; step > 0u; step /= 2u) {
        if (value >> step != 0u) {
            value >>= step;
            bits += step;
        }
    }
    return value != 0u ? bits + 1u : 0u;
}

/* ---- Window ---- */

/* The window's samples, times the raised cosine and shifted up until the largest fills int16; that shift. */
static uint32_t windowed(struct tr_frontend *state)
{
    int16_t *to = state->work.windowed;
    int32_t largest = 0;
    for (uint32_t i = 0u; i < TR_FRONTEND_WINDOW; i++) {
        int32_t value = (state->samples[i] * window[i]) >> WINDOW_BITS;
        to[i] = (int16_t)value;
        largest = value > largest ? value : largest;
        largest = -value > largest ? -value : largest;
    }
    largest = largest > INT16_MAX ? INT16_MAX : largest;
    uint32_t shift = 15u - bits_of((uint32_t)largest);
    for (uint32_t i = 0u; i < FFT; i++) {
        to[i] = (int16_t)(i < TR_FRONTEND_WINDOW ? to[i] * (1 << shift) : 0);
    }
    return shift;
}

/* ---- FFT, fixed point of 15 bits, each stage scaled down by its radix (as kiss_fft does it) ---- */

static int16_t rounded(int32_t product) { return (int16_t)((product + (1 << 14)) >> 15); }

/* Divided by 2 or 4, nearly: times 16383 or 8191 in parts of 32768. */
static struct tr_complex divided(struct tr_complex x, int32_t by)
{
    int32_t factor = INT16_MAX / by;
    return (struct tr_complex){rounded(x.r * factor), rounded(x.i * factor)};
}

/* Times entry `number` of a table of cosines and sines. */
static struct tr_complex turned(struct tr_complex x, const int16_t *table, uint32_t number)
{
    int32_t r = table[2u * number], i = table[2u * number + 1u];
    return (struct tr_complex){rounded(x.r * r - x.i * i), rounded(x.r * i + x.i * r)};
}

static struct tr_complex plus(struct tr_complex x, struct tr_complex y)
{
    return (struct tr_complex){(int16_t)(x.r + y.r), (int16_t)(x.i + y.i)};
}

static struct tr_complex minus(struct tr_complex x, struct tr_complex y)
{
    return (struct tr_complex){(int16_t)(x.r - y.r), (int16_t)(x.i - y.i)};
}

/* Four points, `m` apart from x on, in place; `k` of `m` such butterflies of a stage with HALF / 4 / `stride` of them. */
static void butterfly(struct tr_complex *x, uint32_t m, uint32_t stride, uint32_t k)
{
    struct tr_complex a = divided(x[0], 4);
    struct tr_complex b = turned(divided(x[m], 4), twiddles, stride * k);
    struct tr_complex c = turned(divided(x[2u * m], 4), twiddles, 2u * stride * k);
    struct tr_complex d = turned(divided(x[3u * m], 4), twiddles, 3u * stride * k);
    struct tr_complex even = plus(a, c), odd = minus(a, c), sum = plus(b, d), difference = minus(b, d);
    x[0] = plus(even, sum);
    x[2u * m] = minus(even, sum);
    x[m] = (struct tr_complex){(int16_t)(odd.r + difference.i), (int16_t)(odd.i - difference.r)};
    x[3u * m] = (struct tr_complex){(int16_t)(odd.r - difference.i), (int16_t)(odd.i + difference.r)};
}

/* 256 complex points: `in` with its four digits of base 4 reversed, then four stages. */
static void transform(const int16_t *in, struct tr_complex *out)
{
    for (uint32_t i = 0u; i < HALF; i++) {
        uint32_t from = (i & 3u) << 6 | (i & 12u) << 2 | (i >> 2 & 12u) | i >> 6;
        out[i] = (struct tr_complex){in[2u * from], in[2u * from + 1u]};
    }
    for (uint32_t m = 1u; m < HALF; m *= 4u) {
        uint32_t stride = HALF / 4u / m;
        for (uint32_t start = 0u; start < HALF; start += 4u * m) {
            for (uint32_t k = 0u; k < m; k++) {
                butterfly(out + start + k, m, stride, k);
            }
        }
    }
}

/* 512 real points as 256 complex ones: bins 0 to 256, in place. */
static void real_transform(const int16_t *in, struct tr_complex *bins)
{
    transform(in, bins);
    struct tr_complex first = divided(bins[0], 2);
    bins[0] = (struct tr_complex){(int16_t)(first.r + first.i), 0};
    bins[HALF] = (struct tr_complex){(int16_t)(first.r - first.i), 0};
    for (uint32_t k = 1u; k <= HALF / 2u; k++) {
        struct tr_complex low = divided(bins[k], 2);
        struct tr_complex high = divided((struct tr_complex){bins[HALF - k].r, (int16_t)-bins[HALF - k].i}, 2);
        struct tr_complex sum = plus(low, high);
        struct tr_complex turn = turned(minus(low, high), real_twiddles, k - 1u);
        bins[k] = (struct tr_complex){(int16_t)((sum.r + turn.r) >> 1), (int16_t)((sum.i + turn.i) >> 1)};
        bins[HALF - k] = (struct tr_complex){(int16_t)((sum.r - turn.r) >> 1), (int16_t)((turn.i - sum.i) >> 1)};
    }
}

/* ---- Filters ---- */

/* The square root, rounded: of less than 2^32 to at most 65535. */
static uint32_t root(uint64_t square)
{
    uint32_t bits = bits_of(square);
    if (bits == 0u) {
        return 0u;
    }
    uint64_t result = 0u;
    for (uint64_t bit = (uint64_t)1u << ((bits - 1u) & ~1u); bit > 0u; bit >>= 2) {
        bool fits = square >= result + bit;
        square -= fits ? result + bit : 0u;
        result = (result >> 1) + (fits ? bit : 0u);
    }
    uint64_t most = bits <= 32u ? UINT16_MAX : UINT32_MAX;
    return (uint32_t)(square > result && result != most ? result + 1u : result);
}

/* Magnitudes in 40 triangles over the spectrum; the falling side of each is the rising one of the next. */
static void filtered(const struct tr_frontend *state, uint32_t shift, uint32_t *channels)
{
    const uint16_t *weight = filter_weights;
    uint64_t sum = 0u;
    for (uint32_t channel = 0u; channel <= TR_FRONTEND_CHANNELS; channel++) {
        const uint32_t *energy = state->work.energy + filter_starts[channel];
        uint64_t next = 0u;
        for (uint32_t j = 0u; j < filter_widths[channel]; j++, weight++) {
            sum += (uint64_t)energy[j] * *weight;
            next += (uint64_t)energy[j] * ((1u << WINDOW_BITS) - *weight);
        }
        if (channel > 0u) {
            channels[channel - 1u] = root(sum) >> shift;
        }
        sum = next;
    }
}

/* ---- What makes it robust ---- */

/* Take away the noise that was estimated, but for some of the signal. */
static void without_noise(uint32_t *channels, uint32_t *noise)
{
    for (uint32_t i = 0u; i < TR_FRONTEND_CHANNELS; i++) {
        uint32_t scaled = channels[i] << SMOOTHING_BITS;
        uint32_t part = smoothing[i & 1u];
        uint64_t both = (uint64_t)scaled * part + (uint64_t)noise[i] * ((1u << NOISE_BITS) - part);
        noise[i] = (uint32_t)(both >> NOISE_BITS);
        uint32_t taken = noise[i] < scaled ? noise[i] : scaled;
        uint32_t left = (scaled - taken) >> SMOOTHING_BITS;
        uint32_t least = (uint32_t)(((uint64_t)channels[i] * LEAST_LEFT) >> NOISE_BITS);
        channels[i] = left > least ? left : least;
    }
}

/* (x / 128 + 80)^-0.95 in parts of 2^21, from a quadratic curve between powers of two. */
static int32_t gain_at(uint32_t x)
{
    if (x < 2u) {
        return gains[x];
    }
    uint32_t interval = bits_of(x);
    const int16_t *at = gains + 2u + 3u * (interval - 2u);
    if (x == 2u) {
        return at[0];
    }
    int32_t fraction = (int32_t)((interval < 11u ? x << (11u - interval) : x >> (interval - 11u)) & 0x3ffu);
    int32_t curve = (at[2] * fraction) >> 5;
    curve = (curve + at[1] * 32) * fraction;
    return (int16_t)(((curve + (1 << 14)) >> 15) + at[0]);
}

/* Gain by how loud the noise is, then square below 2 and linear above it. */
static void with_gain(uint32_t *channels, const uint32_t *noise)
{
    for (uint32_t i = 0u; i < TR_FRONTEND_CHANNELS; i++) {
        uint32_t snr = (uint32_t)(((uint64_t)channels[i] * (uint32_t)gain_at(noise[i])) >> SNR_SHIFT);
        channels[i] = snr < 2u << SNR_BITS ? (snr * snr) >> (2 + 2 * SNR_BITS - GAINED_BITS)
                                           : (snr >> (SNR_BITS - GAINED_BITS)) - (1u << GAINED_BITS);
    }
}

/* 64 times the natural logarithm. */
static uint32_t logarithm(uint32_t x)
{
    uint32_t integer = bits_of(x) - 1u;
    uint32_t fraction = x - (1u << integer);
    fraction = integer < LOG_BITS ? fraction << (LOG_BITS - integer) : fraction >> (integer - LOG_BITS);
    uint32_t segment = fraction >> (LOG_BITS - LOG_SEGMENT_BITS);
    int32_t low = logarithms[segment], high = logarithms[segment + 1u];
    int32_t beyond = (int32_t)(fraction - (segment << (LOG_BITS - LOG_SEGMENT_BITS)));
    int32_t more = ((high - low) * beyond) >> LOG_BITS;
    uint32_t log2 = (integer << LOG_BITS) + fraction + (uint32_t)(low + more);
    uint32_t natural = (uint32_t)(((uint64_t)LN2 * log2 + (1u << (LOG_BITS - 1))) >> LOG_BITS);
    return ((natural << LOG_SCALE_SHIFT) + (1u << (LOG_BITS - 1))) >> LOG_BITS;
}

/* ---- A stream ---- */

static void compute(struct tr_frontend *state, uint16_t *features)
{
    uint32_t channels[TR_FRONTEND_CHANNELS];
    uint32_t shift = windowed(state);
    real_transform(state->work.windowed, state->work.spectrum);
    for (uint32_t i = 0u; i <= HALF; i++) {
        int32_t r = state->work.spectrum[i].r, imaginary = state->work.spectrum[i].i;
        state->work.energy[i] = (uint32_t)(r * r) + (uint32_t)(imaginary * imaginary);
    }
    filtered(state, shift, channels);
    without_noise(channels, state->noise);
    with_gain(channels, state->noise);
    for (uint32_t i = 0u; i < TR_FRONTEND_CHANNELS; i++) {
        uint32_t value = channels[i] << CORRECTION_BITS;
        value = value > 1u ? logarithm(value) : 0u;
        features[i] = (uint16_t)(value < UINT16_MAX ? value : UINT16_MAX);
    }
}

void tr_frontend_init(struct tr_frontend *state, uint32_t step)
{
    state->step = step;
    state->used = 0u;
    for (uint32_t i = 0u; i < TR_FRONTEND_CHANNELS; i++) {
        state->noise[i] = 0u;
    }
}

bool tr_frontend_process(struct tr_frontend *state, const int16_t *samples, uint32_t count, uint32_t *taken,
                         uint16_t *features)
{
    uint32_t wanted = TR_FRONTEND_WINDOW - state->used;
    *taken = wanted < count ? wanted : count;
    for (uint32_t i = 0u; i < *taken; i++) {
        state->samples[state->used++] = samples[i];
    }
    if (state->used < TR_FRONTEND_WINDOW) {
        return false;
    }
    compute(state, features);
    state->used = TR_FRONTEND_WINDOW - state->step;
    for (uint32_t i = 0u; i < state->used; i++) {
        state->samples[i] = state->samples[state->step + i];
    }
    return true;
}

int8_t tr_frontend_int8(uint16_t feature)
{
    int32_t value = (feature * 256 + 333) / 666 - 128; /* 666: 25.6 * 26, the features' largest by their scale */
    return (int8_t)(value > INT8_MAX ? INT8_MAX : value);
}
