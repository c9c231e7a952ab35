// Activation memory and the way out of it. Words lie in two banks by the lowest address bit, so a read takes a word and
// its successor at once. First values of words have a copy, so the one after both words comes too. A funnel shifter cuts
// any window of COLUMNS + 2 values out of these, or out of the word or the even or odd ones, which then go round. Read
// latency: 5 cycles from `read_*` to `window`, one more to `column_data`.
module tr_activations
  import tr_formats_pkg::*;
(
    input  logic                               clk,
    input  logic [       AccelAddressBits-1:0] write_address,
    input  logic [           AccelColumns-1:0] write_even,    // one bit a value, if the address is even
    input  logic [           AccelColumns-1:0] write_odd,     // if it is odd
    input  logic [          AccelWordBits-1:0] write_data,
    input  logic [       AccelAddressBits-1:0] read_address,
    input  logic [        AccelColumnBits-1:0] read_first,
    // 0: both words and the value after them; going round: 1: the word's, 2: even, 3: odd ones of both
    input  logic [                        1:0] read_phase,
    input  logic [AccelBanks*AccelColumns-1:0] keep,          // with `window`: [bank][column], 0 gives `padding`
    input  logic [         AccelValueBits-1:0] padding,       // a cycle before `keep`
    output logic [(AccelColumns+AccelBanks-1)*AccelValueBits-1:0] window,
    output logic [AccelBanks*AccelWordBits-1:0] column_data  // [bank][column]: window[column + bank], masked
);
  localparam int W = AccelValueBits;
  localparam int A = AccelAddressBits;
  localparam int C = AccelColumns;
  localparam int Bits = AccelColumnBits;
  localparam int Depth = AccelActivationWords / 2;

  logic [C*W-1:0] even_q, odd_q;
  logic [W-1:0] first_memory[AccelActivationWords];
  logic [W-1:0] after_q;  // of the word after the two
  logic [A-2:0] even_row, odd_row;
  logic [A-1:0] after_address;  // it goes round
  assign even_row = read_address[A-1:1] + (A - 1)'(read_address[0]);
  assign after_address = read_address + A'(2);
  assign odd_row = read_address[A-1:1];
  always_ff @(posedge clk) begin
    if (write_even[0] || write_odd[0]) first_memory[write_address] <= write_data[W-1:0];
    after_q <= first_memory[after_address];
  end
  tr_byte_ram #(.VALUES(C), .DEPTH(Depth)) even_memory (
      .clk, .write(write_even), .write_address(write_address[A-1:1]), .write_data, .read_address(even_row),
      .read_data(even_q));
  tr_byte_ram #(.VALUES(C), .DEPTH(Depth)) odd_memory (
      .clk, .write(write_odd), .write_address(write_address[A-1:1]), .write_data, .read_address(odd_row),
      .read_data(odd_q));

  // Stage 2: what to take of the words, and where in the ring of values the window begins. In phase 0 the ring is the word
  // from the window's block of 16 on, before it the next word; in phase 1 the word; else the even or the odd values of
  // the even word, then of the odd one, so it is turned by half if the odd one is first.
  localparam int Blocks = C / 16;
  localparam int Edge = 17;  // values behind the ring's end that a window may need
  logic swap_1;
  logic [1:0] phase_1;
  logic [Bits-1:0] first_1, first_2, first_2_next;
  logic [3:0] first_3;
  logic [1:0] first_4;
  logic [1:0] linear;  // phase 0 of stages 3 and 2
  logic [Blocks-1:0] second;  // which of two, by block: even and odd word, or even and odd values; a cycle before it
  logic [C*W-1:0] even_2, odd_2;
  logic [W-1:0] after_2;
  assign first_2_next = first_1 ^ (phase_1[1] && swap_1 ? Bits'(C / 2) : '0);
  always_comb
    for (int b = 0; b < Blocks; b++)
      second[b] = phase_1[1] ? phase_1[0] : swap_1 ^ (phase_1 == 2'd0 && int'(first_1) >= 16 * (b + 1));
  always_ff @(posedge clk) begin
    swap_1 <= read_address[0];
    phase_1 <= read_phase;
    first_1 <= read_first;
    first_2 <= first_2_next;
    linear <= {linear[0], phase_1 == 2'd0};
    even_2 <= even_q;
    odd_2 <= odd_q;
    after_2 <= after_q;
  end

  // Stage 3: the ring, and what lies behind its end in phase 0.
  logic [C*W-1:0] evens, odds, ring, ring_3;
  localparam int Ahead = C + 1 > 48 + Edge ? C + 1 : 48 + Edge;  // with few columns the upper ones are never chosen
  logic [Ahead*W-1:0] even_on, odd_on;  // a word and the value after it
  logic [8*Edge*W-1:0] behind_choices;  // of the odd word, then of the even one: by the window's block
  logic [Edge*W-1:0] behind, behind_3, behind_4, edge_4;
  for (genvar i = 0; i < C / 2; i++) begin : g_thinned
    assign evens[i*W+:W] = even_2[2*i*W+:W];
    assign evens[(C/2+i)*W+:W] = odd_2[2*i*W+:W];
    assign odds[i*W+:W] = even_2[(2*i+1)*W+:W];
    assign odds[(C/2+i)*W+:W] = odd_2[(2*i+1)*W+:W];
  end
  for (genvar b = 0; b < Blocks; b++) begin : g_ring
    tr_wide_select4 #(.BITS(16 * W)) choose (
        .clk, .a(even_2[16*b*W+:16*W]), .b(odd_2[16*b*W+:16*W]), .c(evens[16*b*W+:16*W]), .d(odds[16*b*W+:16*W]),
        .choice({phase_1[1], second[b]}), .y(ring[16*b*W+:16*W]));
  end
  assign odd_on = (Ahead * W)'({after_2, odd_2});
  assign even_on = (Ahead * W)'({after_2, even_2});
  for (genvar k = 0; k < 4; k++) begin : g_behind
    assign behind_choices[k*Edge*W+:Edge*W] = odd_on[16*k*W+:Edge*W];
    assign behind_choices[(4+k)*Edge*W+:Edge*W] = even_on[16*k*W+:Edge*W];
  end
  tr_wide_select8 #(.BITS(Edge * W)) choose_behind (
      .clk, .values(behind_choices), .choice({swap_1, 2'(first_2_next >> 4)}), .y(behind));

  // Cut by 16, by 4 and by 1: each choice is given a stage before.
  logic [(C+48)*W-1:0] twice_3;
  logic [C*W-1:0] coarse, coarse_4;
  logic [(C+Edge)*W-1:0] whole_4;
  logic [(C+5)*W-1:0] middle, middle_5;
  assign twice_3 = ((C + 48) * W)'({4{ring_3}});
  tr_wide_select4 #(.BITS(C * W)) by_16 (
      .clk, .a(twice_3[0+:C*W]), .b(twice_3[16*W+:C*W]), .c(twice_3[32*W+:C*W]), .d(twice_3[48*W+:C*W]),
      .choice(2'(first_2 >> 4)), .y(coarse));
  tr_wide_select #(.BITS(Edge * W)) choose_edge (
      .clk, .a((Edge * W)'({2{coarse_4}})), .b(behind_4), .second(linear[1]), .y(edge_4));
  assign whole_4 = {edge_4, coarse_4};
  tr_wide_select4 #(.BITS((C + 5) * W)) by_4 (
      .clk, .a(whole_4[0+:(C+5)*W]), .b(whole_4[4*W+:(C+5)*W]), .c(whole_4[8*W+:(C+5)*W]), .d(whole_4[12*W+:(C+5)*W]),
      .choice(first_3[3:2]), .y(middle));
  tr_wide_select4 #(.BITS((C + 2) * W)) by_1 (
      .clk, .a(middle_5[0+:(C+2)*W]), .b(middle_5[W+:(C+2)*W]), .c(middle_5[2*W+:(C+2)*W]), .d(middle_5[3*W+:(C+2)*W]),
      .choice(first_4), .y(window));
  always_ff @(posedge clk) begin
    ring_3 <= ring;
    behind_3 <= behind;
    coarse_4 <= coarse;
    behind_4 <= behind_3;
    middle_5 <= middle;
    {first_3, first_4} <= {first_2[3:0], first_3[1:0]};
  end

  for (genvar b = 0; b < AccelBanks; b++) begin : g_bank
    (* keep *) logic [W-1:0] padding_q;  // it stays while a command runs
    always_ff @(posedge clk) padding_q <= padding;
    for (genvar i = 0; i < C; i++) begin : g_column
      logic [W-1:0] value;
      tr_select #(.BITS(W)) pad (.a(padding_q), .b(window[(i+b)*W+:W]), .second(keep[b*C+i]), .y(value));
      always_ff @(posedge clk) column_data[(b*C+i)*W+:W] <= value;
    end
  end
endmodule
