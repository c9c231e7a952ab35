/* UNIDIRECTIONAL_SEQUENCE_LSTM. Source: tensorflow/lite/kernels/lstm_eval.cc and
 * kernels/internal/reference/portable_tensor_utils.cc, as edge_tr/operators/lstm_gates.py has it. */
#include "tr_fixed_point.h"
#include "tr_fixed_point16.h"
#include "tr_product.h"

#define GATE_BITS 3u /* integer bits before a sigmoid or tanh */
#define TWO_TO_20 (1 << 20)

enum { INPUT, FORGET, CELL, OUTPUT };

/* Where a step keeps what it computes with: int32 [rows], four times int16 [cells], int8 [cells]. */
struct workspace {
    int32_t *sums;
    int16_t *gates[4];
    int8_t *hidden;
    void *scratch; /* the kernels' */
};

static struct workspace workspace_of(const struct tr_lstm *layer, int32_t *scratch)
{
    uint32_t rows = layer->cells > layer->outputs ? layer->cells : layer->outputs;
    int16_t *gate = (int16_t *)(void *)(scratch + rows);
    struct workspace work = {.sums = scratch, .scratch = (int8_t *)scratch + layer->workspace};
    for (uint32_t n = 0u; n < 4u; n++, gate += layer->cells) {
        work.gates[n] = gate;
    }
    work.hidden = (int8_t *)gate;
    return work;
}

static void accumulate(const struct tr_product *product, const int8_t *x, uint32_t cells, const struct workspace *work,
                       int16_t *gate)
{
    product->sums(x, work->sums, work->scratch);
    for (uint32_t i = 0u; i < cells; i++) {
        gate[i] = tr_saturated16(tr_wrapping_add(tr_scaled(product, i, work->sums), gate[i]));
    }
}

static void look(const struct tr_lstm_gate *gate, uint32_t count, const int16_t *cell, int16_t *values)
{
    struct tr_factor factor = gate->peephole_factor;
    for (uint32_t i = 0u; i < count; i++) {
        int32_t seen = tr_multiply(gate->peephole[i] * cell[i], factor.multiplier, factor.shift);
        values[i] = tr_saturated16(tr_wrapping_add(seen, values[i]));
    }
}

static void normalise(const struct tr_lstm_gate *gate, uint32_t cells, int16_t *values)
{
    int64_t sum = 0, squares = 0;
    for (uint32_t i = 0u; i < cells; i++) {
        sum += values[i];
        squares += values[i] * values[i];
    }
    int32_t mean = (int32_t)(sum * 1024 / (int64_t)cells);
    int64_t variance = squares * (TWO_TO_20 / (int32_t)cells) - (int64_t)mean * mean;
    int32_t whole = (int32_t)(variance / TWO_TO_20);
    struct tr_factor inverse = tr_inverse_square_root(whole < 1 ? gate->guard : whole);
    struct tr_factor factor = gate->norm_factor;
    for (uint32_t i = 0u; i < cells; i++) {
        int32_t rescaled = tr_multiply(1024 * values[i] - mean, inverse.multiplier, inverse.shift);
        uint32_t product = (uint32_t)rescaled * (uint32_t)(int32_t)gate->norm[i]; /* wraps as the reference does */
        int64_t weighted = (int32_t)(product + (uint32_t)gate->norm_bias[i]);
        int32_t scaled = (int32_t)((weighted > 0 ? weighted + 512 : weighted - 512) / 1024);
        values[i] = tr_saturated16(tr_multiply(scaled, factor.multiplier, factor.shift));
    }
}

/* One gate up to its activation. */
static void sum_gate(const struct tr_lstm *layer, uint32_t number, const int8_t *x, const int8_t *h,
                     const int16_t *cell, const struct workspace *work)
{
    const struct tr_lstm_gate *gate = &layer->gates[number];
    int16_t *values = work->gates[number];
    for (uint32_t i = 0u; i < layer->cells; i++) {
        values[i] = 0;
    }
    accumulate(&gate->input, x, layer->cells, work, values);
    accumulate(&gate->recurrent, h, layer->cells, work, values);
    if (gate->peephole != 0) {
        look(gate, layer->peepholes, cell, values);
    }
    if (gate->norm != 0) {
        normalise(gate, layer->cells, values);
    }
}

static void squash(int16_t *values, uint32_t cells)
{
    for (uint32_t i = 0u; i < cells; i++) {
        values[i] = tr_logistic16(values[i], GATE_BITS);
    }
}

static void update_cell(const struct tr_lstm *layer, const struct workspace *work, int16_t *cell)
{
    bool coupled = layer->gates[INPUT].input.sums == 0;
    for (uint32_t i = 0u; i < layer->cells; i++) {
        int32_t forget = work->gates[FORGET][i];
        int32_t entering = coupled ? INT16_MAX - forget : work->gates[INPUT][i];
        int32_t kept = tr_rounding_shift_right(forget * cell[i], 15u);
        int32_t candidate = tr_tanh16(work->gates[CELL][i], GATE_BITS);
        int32_t sum = kept + (int16_t)tr_rounding_shift_right(entering * candidate, 15u + layer->cell_bits);
        int16_t updated = tr_saturated16(sum);
        if (layer->cell_clip > 0) {
            updated = updated > layer->cell_clip ? layer->cell_clip : updated;
            updated = updated < -layer->cell_clip ? (int16_t)-layer->cell_clip : updated;
        }
        cell[i] = updated;
    }
}

static void project(const struct tr_lstm *layer, const struct workspace *work, int8_t *output)
{
    int32_t clip = layer->projection_clip > 0 ? layer->projection_clip : INT32_MAX;
    layer->projection.sums(work->hidden, work->sums, work->scratch);
    for (uint32_t i = 0u; i < layer->outputs; i++) {
        int32_t scaled = tr_scaled(&layer->projection, i, work->sums);
        int32_t value = tr_clamp(tr_wrapping_add(scaled, layer->projection_zero_point), INT8_MIN, INT8_MAX);
        output[i] = tr_clamp(value, -clip, clip);
    }
}

/* `h` is the output a step before, and becomes this one's. */
static void step(const struct tr_lstm *layer, const int8_t *x, int8_t *h, int16_t *cell, const struct workspace *work)
{
    uint32_t cells = layer->cells;
    sum_gate(layer, FORGET, x, h, cell, work);
    squash(work->gates[FORGET], cells);
    sum_gate(layer, CELL, x, h, cell, work);
    if (layer->gates[INPUT].input.sums != 0) {
        sum_gate(layer, INPUT, x, h, cell, work);
        squash(work->gates[INPUT], cells);
    }
    update_cell(layer, work, cell);
    sum_gate(layer, OUTPUT, x, h, cell, work);
    squash(work->gates[OUTPUT], cells);
    bool projects = layer->projection.sums != 0;
    int8_t *hidden = projects ? work->hidden : h;
    for (uint32_t i = 0u; i < cells; i++) {
        int32_t product = work->gates[OUTPUT][i] * tr_tanh16(cell[i], layer->cell_bits);
        int32_t scaled = tr_multiply(product, layer->hidden.multiplier, layer->hidden.shift);
        hidden[i] = tr_clamp(tr_wrapping_add(scaled, layer->hidden_zero_point), INT8_MIN, INT8_MAX);
    }
    if (projects) {
        project(layer, work, h);
    }
}

void tr_lstm(const struct tr_lstm *layer, const int8_t *input, int8_t *output, int8_t *output_state,
             int16_t *cell_state, int32_t *scratch)
{
    struct workspace work = workspace_of(layer, scratch);
    for (uint32_t b = 0u; b < layer->batch; b++) {
        uint32_t at = b * layer->sequence;
        for (uint32_t t = 0u; t < layer->steps; t++, at += layer->stride) {
            step(layer, input + at * layer->inputs, output_state, cell_state, &work);
            for (uint32_t i = 0u; i < layer->outputs; i++) {
                output[at * layer->outputs + i] = output_state[i];
            }
        }
        output_state += layer->outputs;
        cell_state += layer->cells;
    }
}
