// Activation memory and the way out of it. Words of nine-bit values lie in two banks by the lowest address bit, so a
// read takes a word and its successor at once. First values of words have a copy, so the one after both words comes
// too. A funnel shifter cuts any window of COLUMNS + 2 values out of these, or out of the word or the even or odd ones,
// which then go round. Read latency: 5 cycles from `read_*` to `window`, one more to `column_data`.
module tr_activations
  import tr_formats_pkg::*;
(
    input  logic                               clk,
    input  logic                               write,
    input  logic [       AccelAddressBits-1:0] write_address,
    input  logic [           AccelColumns-1:0] write_enable,  // one bit a value
    input  logic [          AccelWordBits-1:0] write_data,
    input  logic [       AccelAddressBits-1:0] read_address,
    input  logic [        AccelColumnBits-1:0] read_first,
    // 0: both words and the value after them; going round: 1: the word's, 2: even, 3: odd ones of both
    input  logic [                        1:0] read_phase,
    input  logic [AccelBanks*AccelColumns-1:0] keep,          // with `window`: [bank][column], 0 gives zero
    output logic [(AccelColumns+AccelBanks-1)*AccelValueBits-1:0] window,
    output logic [AccelBanks*AccelWordBits-1:0] column_data  // [bank][column]: window[column + bank], masked
);
  localparam int W = AccelValueBits;
  localparam int A = AccelAddressBits;
  localparam int C = AccelColumns;
  localparam int Depth = AccelActivationWords / 2;
  localparam int Most = 129;  // values to cut from with 64 columns; with less, the rest is never chosen

  logic [C*W-1:0] even_memory[Depth];
  logic [C*W-1:0] odd_memory[Depth];
  logic [C*W-1:0] even_q, odd_q;
  logic [W-1:0] first_memory[AccelActivationWords];
  logic [W-1:0] after_q, after_2;  // of the word after the two
  logic [A-2:0] even_row, odd_row;
  logic [A-1:0] after_address;  // it goes round
  assign even_row = read_address[A-1:1] + (A - 1)'(read_address[0]);
  assign after_address = read_address + A'(2);
  assign odd_row = read_address[A-1:1];
  always_ff @(posedge clk) begin
    for (int i = 0; i < C; i++) begin
      if (write && !write_address[0] && write_enable[i])
        even_memory[write_address[A-1:1]][i*W+:W] <= write_data[i*W+:W];
      if (write && write_address[0] && write_enable[i])
        odd_memory[write_address[A-1:1]][i*W+:W] <= write_data[i*W+:W];
    end
    if (write && write_enable[0]) first_memory[write_address] <= write_data[W-1:0];
    after_q <= first_memory[after_address];
    even_q <= even_memory[even_row];
    odd_q <= odd_memory[odd_row];
  end

  logic swap_1;
  logic [5:0] first_1, first_2, first_3;
  logic [3:0] first_4;
  logic [1:0] phase_1, phase_2;
  logic [2*C*W-1:0] both_1, both_2;
  logic [Most*W-1:0] chosen_3;
  logic [81*W-1:0] coarse_4;
  logic [69*W-1:0] middle_5;
  logic [C*W-1:0] part;
  tr_select #(.BITS(2 * C * W)) order (.a({odd_q, even_q}), .b({even_q, odd_q}), .second(swap_1), .y(both_1));
  // Phase 0 takes all values, 1 one word twice, 2 and 3 the even and the odd values twice.
  logic [C*W-1:0] evens, odds, second_part;
  always_comb
    for (int i = 0; i < C; i++) {evens[i*W+:W], odds[i*W+:W]} = {both_2[2*i*W+:W], both_2[(2*i+1)*W+:W]};
  tr_select4 #(.BITS(C * W)) first_half (
      .a(both_2[C*W-1:0]), .b(both_2[C*W-1:0]), .c(evens), .d(odds), .choice(phase_2), .y(part));
  tr_select4 #(.BITS(C * W)) second_half (
      .a(both_2[C*W+:C*W]), .b(both_2[C*W-1:0]), .c(evens), .d(odds), .choice(phase_2), .y(second_part));
  // Cut by 16, by 4 and by 1.
  logic [81*W-1:0] coarse;
  logic [69*W-1:0] middle;
  logic [1:0] first_5;
  /* verilator lint_off UNUSEDSIGNAL */
  logic [66*W-1:0] cut_5;
  /* verilator lint_on UNUSEDSIGNAL */
  tr_select4 #(.BITS(81 * W)) by_16 (
      .a(chosen_3[0+:81*W]), .b(chosen_3[16*W+:81*W]), .c(chosen_3[32*W+:81*W]), .d(chosen_3[48*W+:81*W]),
      .choice(first_3[5:4]), .y(coarse));
  tr_select4 #(.BITS(69 * W)) by_4 (
      .a(coarse_4[0+:69*W]), .b(coarse_4[4*W+:69*W]), .c(coarse_4[8*W+:69*W]), .d(coarse_4[12*W+:69*W]),
      .choice(first_4[3:2]), .y(middle));
  tr_select4 #(.BITS(66 * W)) by_1 (
      .a(middle_5[0+:66*W]), .b(middle_5[W+:66*W]), .c(middle_5[2*W+:66*W]), .d(middle_5[3*W+:66*W]),
      .choice(first_5), .y(cut_5));
  always_ff @(posedge clk) begin
    swap_1 <= read_address[0];
    {first_1, first_2, first_3, first_4} <= {6'(read_first), first_1, first_2, first_3[3:0]};
    {phase_1, phase_2} <= {read_phase, phase_1};
    both_2 <= both_1;
    after_2 <= after_q;
    chosen_3 <= (Most * W)'({phase_2 == 2'd0 ? after_2 : part[W-1:0], second_part, part});
    coarse_4 <= coarse;
    middle_5 <= middle;
    first_5 <= first_4[1:0];
  end
  assign window = cut_5[(C+2)*W-1:0];
  always_ff @(posedge clk)
    for (int b = 0; b < AccelBanks; b++)
      for (int i = 0; i < C; i++)
        column_data[(b*C+i)*W+:W] <= keep[b*C+i] ? window[(i+b)*W+:W] : '0;
endmodule
