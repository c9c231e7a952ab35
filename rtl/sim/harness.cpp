// The Verilated accelerator behind a C interface for ctypes: a clock, an AXI4-Lite master, and two stream ends that
// can pause at random, or keep a DMA's pace. See edge_tr/target/cosim.py.
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <random>

#include "Vtr_accelerator.h"
#include "verilated.h"

namespace {

struct Beat {
    uint64_t data;
    bool last;
};

struct Accelerator {
    VerilatedContext context;
    Vtr_accelerator top{&context};
    std::deque<Beat> to_core, from_core;
    std::mt19937 random{1};
    unsigned pause_in = 0, pause_out = 0;  // per 256: how often a stream end pauses
    unsigned latency = 0, rest_in = 0, rest_out = 0;  // to a transfer's first beat; a stream end rests once in so many cycles
    uint64_t cycles = 0, first_at = 0;                // when the transfer that waits may offer its first beat
    bool offered = false;

    Accelerator() {
        top.clk = 0;
        top.resetn = 0;
        top.m_axis_resetn = 1;
        for (int i = 0; i < 4; i++) tick();
        top.resetn = 1;
        tick();
    }

    bool pause(unsigned share) { return share != 0 && random() % 256 < share; }

    bool rests(unsigned once_in) { return once_in != 0 && cycles % once_in == 0; }

    void tick() {
        if (!offered)  // once offered, a beat stays
            offered = !to_core.empty() && cycles >= first_at && !rests(rest_in) && !pause(pause_in);
        top.s_axis_tvalid = offered;
        top.s_axis_tdata = offered ? to_core.front().data : 0;
        top.s_axis_tlast = offered && to_core.front().last;
        top.m_axis_tready = !rests(rest_out) && !pause(pause_out);
        top.eval();
        bool taken = offered && top.s_axis_tready;
        bool given = top.m_axis_tvalid && top.m_axis_tready;
        Beat beat{top.m_axis_tdata, top.m_axis_tlast != 0};
        top.clk = 1;
        top.eval();
        top.clk = 0;
        if (taken) {
            to_core.pop_front();
            offered = false;
        }
        if (given) from_core.push_back(beat);
        cycles++;
    }
};

}  // namespace

extern "C" {

void *accel_new() { return new Accelerator; }
void accel_delete(void *self) { delete static_cast<Accelerator *>(self); }

uint32_t accel_read(void *self, uint32_t offset) {
    auto &a = *static_cast<Accelerator *>(self);
    a.top.s_axi_araddr = offset & 0xff;
    a.top.s_axi_arvalid = 1;
    a.top.s_axi_rready = 1;
    a.top.eval();
    while (!a.top.s_axi_arready) a.tick();
    a.tick();
    a.top.s_axi_arvalid = 0;
    while (!a.top.s_axi_rvalid) a.tick();
    uint32_t value = a.top.s_axi_rdata;
    a.tick();
    a.top.s_axi_rready = 0;
    return value;
}

void accel_write(void *self, uint32_t offset, uint32_t value) {
    auto &a = *static_cast<Accelerator *>(self);
    a.top.s_axi_awaddr = offset & 0xff;
    a.top.s_axi_wdata = value;
    a.top.s_axi_wstrb = 0xf;
    a.top.s_axi_awvalid = a.top.s_axi_wvalid = 1;
    a.top.s_axi_bready = 1;
    a.top.eval();
    while (!a.top.s_axi_awready) a.tick();
    a.tick();
    a.top.s_axi_awvalid = a.top.s_axi_wvalid = 0;
    while (!a.top.s_axi_bvalid) a.tick();
    a.tick();
    a.top.s_axi_bready = 0;
}

void accel_send(void *self, const uint64_t *beats, size_t count, int last) {
    auto &a = *static_cast<Accelerator *>(self);
    if (a.to_core.empty()) a.first_at = a.cycles + a.latency;
    for (size_t i = 0; i < count; i++) a.to_core.push_back({beats[i], last && i + 1 == count});
}

// Up to `most` beats, no further than the end of a packet; *last tells whether it was reached.
size_t accel_receive(void *self, uint64_t *beats, size_t most, int *last) {
    auto &a = *static_cast<Accelerator *>(self);
    size_t count = 0;
    *last = 0;
    while (count < most && !a.from_core.empty() && !*last) {
        beats[count++] = a.from_core.front().data;
        *last = a.from_core.front().last;
        a.from_core.pop_front();
    }
    return count;
}

// Runs until the interrupt is high or `most` cycles have gone by.
uint64_t accel_run(void *self, uint64_t most) {
    auto &a = *static_cast<Accelerator *>(self);
    uint64_t count = 0;
    while (count < most && !a.top.irq) {
        a.tick();
        count++;
    }
    return count;
}

size_t accel_pending(void *self) { return static_cast<Accelerator *>(self)->to_core.size(); }
void accel_drop(void *self) {
    auto &a = *static_cast<Accelerator *>(self);
    a.to_core.clear();
    a.from_core.clear();
    a.offered = false;
    a.top.m_axis_resetn = 0;
    for (int i = 0; i < 8; i++) a.tick();
    a.top.m_axis_resetn = 1;
    a.from_core.clear();
}
int accel_interrupt(void *self) { return static_cast<Accelerator *>(self)->top.irq; }
uint64_t accel_cycles(void *self) { return static_cast<Accelerator *>(self)->cycles; }

void accel_pause(void *self, unsigned share_in, unsigned share_out, unsigned seed) {
    auto &a = *static_cast<Accelerator *>(self);
    a.pause_in = share_in;
    a.pause_out = share_out;
    a.random.seed(seed);
}

void accel_pace(void *self, unsigned latency, unsigned rest_in, unsigned rest_out) {
    auto &a = *static_cast<Accelerator *>(self);
    a.latency = latency;
    a.rest_in = rest_in;
    a.rest_out = rest_out;
}
}
