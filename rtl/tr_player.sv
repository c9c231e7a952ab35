// Plays term words: fetches `count` words from `first_word` for each of `tiles` tiles, waits for the data of the next
// step, and keeps groups at least as many cycles apart as their results take to leave.
module tr_player
  import tr_formats_pkg::*;
(
    input  logic         clk,
    input  logic         reset,
    input  logic         start,
    input  logic [ 15:0] first_word,
    input  logic [ 15:0] count,
    input  logic [ 15:0] tiles,
    input  logic [  1:0] halves,
    input  logic [  1:0] halves_last,
    input  logic         step_ready,    // the data of the next step is there
    input  logic         shares,        // the input comes meanwhile: groups leave its writes a cycle
    output logic         busy,
    // weight memory, read in one cycle
    output logic         may_yield,     // someone else may read it in this cycle
    input  logic         yields,        // and does
    output logic         memory_read,
    output logic [AccelWeightAddressBits-1:0] memory_address,  // of the pair of words
    input  logic [AccelWeightBits-1:0] memory_data,
    // to the array
    output logic         issue,
    output logic         clear,
    output logic [AccelRows*RowTermsBits-1:0] word,
    output logic         step_done,
    // of a finished group
    output logic         group_done,
    output logic         group_first,
    output logic         group_final,
    output logic [  2:0] group_rows,
    output logic [  1:0] group_halves,
    output logic [  9:0] group,
    output logic         tile_done
);
  localparam int Bits = AccelTermWordBits;
  logic fetching, valid_1, valid_2, half_1, half_next, end_1, end_2, advance;
  logic [15:0] address;
  logic [15:0] words_left, tiles_left, issued_left;  // of a tile, of all to fetch, of all to issue
  logic word_last, tile_last, issued_last, one_word;  // one of these is 1
  logic [Bits-1:0] head, head_next;
  /* verilator lint_off UNUSEDSIGNAL */
  logic [TermControlBits-1:0] control;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [3:0] spacing, spacing_next;
  logic blocked;  // spacing is not 0

  assign half_next = advance ? address[0] : half_1;
  tr_wide_select #(.BITS(Bits)) choose (
      .clk, .a(memory_data[Bits-1:0]), .b(memory_data[2*Bits-1:Bits]), .second(half_next), .y(head_next));
  assign {control, word} = head;
  assign group_halves = issued_last ? halves_last : halves;
  assign issue = valid_2 && step_ready && !(control[TermControlLastGroupLsb] && blocked);
  assign step_done = issue && control[TermControlLastStepLsb];
  assign group_done = issue && control[TermControlLastGroupLsb];
  assign group_first = control[TermControlFirstLsb];
  assign group_final = control[TermControlFinalLsb];
  assign group_rows = control[TermControlRowsLsb+:3];
  assign group = control[TermControlGroupLsb+:10];
  assign tile_done = end_2;
  assign advance = !valid_2 || issue;
  assign may_yield = advance || !valid_1;
  assign memory_read = fetching && advance && !yields;
  assign memory_address = address[AccelWeightAddressBits:1];
  assign busy = fetching || valid_1 || valid_2;

  always_comb begin
    spacing_next = blocked ? spacing - 4'd1 : spacing;
    if (group_done) spacing_next = (group_halves[1] ? {group_rows, 1'b0} : {1'b0, group_rows}) - {3'd0, !shares};
  end

  always_ff @(posedge clk) begin
    half_1 <= half_next;
    spacing <= spacing_next;
    blocked <= spacing_next != '0;
    if (issue) begin
      clear <= control[TermControlLastGroupLsb];
      if (end_2) begin
        issued_left <= issued_left - 16'd1;
        issued_last <= issued_left == 16'd2;
      end
    end
    if (advance) begin
      valid_1 <= memory_read;
      end_1 <= word_last;
      valid_2 <= valid_1;
      end_2 <= end_1;
      head <= head_next;
      if (memory_read) begin
        address <= word_last ? first_word : address + 16'd1;
        words_left <= word_last ? count : words_left - 16'd1;
        word_last <= word_last ? one_word : words_left == 16'd2;
        if (word_last) begin
          tiles_left <= tiles_left - 16'd1;
          tile_last <= tiles_left == 16'd2;
          if (tile_last) fetching <= 1'b0;
        end
      end
    end
    if (start) begin
      fetching <= 1'b1;
      clear <= 1'b1;
      address <= first_word;
      {words_left, tiles_left, issued_left} <= {count, tiles, tiles};
      {word_last, one_word} <= {2{count == 16'd1}};
      {tile_last, issued_last} <= {2{tiles == 16'd1}};
      {spacing, blocked} <= '0;
    end
    if (reset || start) {valid_1, valid_2} <= '0;
    if (reset) fetching <= 1'b0;
  end
endmodule
