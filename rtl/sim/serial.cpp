// The accelerator behind a serial line, Verilated, with a C interface for ctypes: a clock, and the host's end of the
// line. See edge_tr/target/serial_model.py. CLOCKS_PER_BIT is the module's parameter.
#include <cstddef>
#include <cstdint>
#include <deque>

#include "Vtr_serial.h"
#include "verilated.h"

namespace {

struct Board {
    VerilatedContext context;
    Vtr_serial top{&context};
    std::deque<uint8_t> to_board, from_board;
    uint64_t cycles = 0;
    unsigned out_bits = 0, out_left = 0, out_timer = 0;  // of the byte that is sent
    unsigned in_bits = 0, in_left = 0, in_timer = 0;     // of the byte that comes

    Board() {
        top.clk = 0;
        top.resetn = 0;
        top.rxd = 1;
        for (int i = 0; i < 8; i++) tick();
        top.resetn = 1;
        tick();
    }

    void tick() {
        send();
        top.eval();
        top.clk = 1;
        top.eval();
        top.clk = 0;
        top.eval();
        receive();
        cycles++;
    }

    void send() {
        if (out_timer) {
            out_timer--;
            return;
        }
        if (!out_left && !to_board.empty() && top.resetn) {
            out_bits = 1u << 9 | static_cast<unsigned>(to_board.front()) << 1;  // stop bit, byte, start bit
            out_left = 10;
            to_board.pop_front();
        }
        top.rxd = out_left ? out_bits & 1 : 1;
        if (out_left) {
            out_bits >>= 1;
            out_left--;
            out_timer = CLOCKS_PER_BIT - 1;
        }
    }

    void receive() {
        if (!in_left) {
            if (top.txd) return;
            in_left = 9;
            in_timer = CLOCKS_PER_BIT + CLOCKS_PER_BIT / 2;
        } else if (--in_timer == 0) {
            in_timer = CLOCKS_PER_BIT;
            if (--in_left) {
                in_bits = in_bits >> 1 | (top.txd ? 0x80 : 0);
            } else if (top.txd) {
                from_board.push_back(static_cast<uint8_t>(in_bits));
            }
        }
    }
};

}  // namespace

extern "C" {

void *board_new() { return new Board; }
void board_delete(void *self) { delete static_cast<Board *>(self); }

void board_send(void *self, const uint8_t *data, size_t count) {
    auto &board = *static_cast<Board *>(self);
    board.to_board.insert(board.to_board.end(), data, data + count);
}

// Up to `most` bytes that have come.
size_t board_receive(void *self, uint8_t *data, size_t most) {
    auto &board = *static_cast<Board *>(self);
    size_t count = 0;
    for (; count < most && !board.from_board.empty(); count++) {
        data[count] = board.from_board.front();
        board.from_board.pop_front();
    }
    return count;
}

// Runs until a byte has come or `most` cycles have gone by.
uint64_t board_run(void *self, uint64_t most) {
    auto &board = *static_cast<Board *>(self);
    uint64_t count = 0;
    while (count < most && board.from_board.empty()) {
        board.tick();
        count++;
    }
    return count;
}

uint64_t board_cycles(void *self) { return static_cast<Board *>(self)->cycles; }
}
