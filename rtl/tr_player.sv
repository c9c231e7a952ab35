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
  logic fetching, valid_1, valid_2, half_1, end_1, end_2, advance;
  logic [15:0] address, index, tile, issued_tile;
  logic [Bits-1:0] head, head_next;
  /* verilator lint_off UNUSEDSIGNAL */
  logic [TermControlBits-1:0] control;
  /* verilator lint_on UNUSEDSIGNAL */
  logic [3:0] spacing;
  logic tile_end;
  logic [15:0] tiles_q;

  tr_select #(.BITS(Bits)) choose (
      .a(memory_data[Bits-1:0]), .b(memory_data[2*Bits-1:Bits]), .second(half_1), .y(head_next));
  assign {control, word} = head;
  assign group_halves = issued_tile + 16'd1 == tiles_q ? halves_last : halves;
  assign issue = valid_2 && step_ready && !(control[TermControlLastGroupLsb] && spacing != '0);
  assign step_done = issue && control[TermControlLastStepLsb];
  assign group_done = issue && control[TermControlLastGroupLsb];
  assign group_first = control[TermControlFirstLsb];
  assign group_final = control[TermControlFinalLsb];
  assign group_rows = control[TermControlRowsLsb+:3];
  assign group = control[TermControlGroupLsb+:10];
  assign tile_done = end_2;
  assign advance = !valid_2 || issue;
  assign tile_end = index + 16'd1 == count;
  assign may_yield = advance || !valid_1;
  assign memory_read = fetching && advance && !yields;
  assign memory_address = address[AccelWeightAddressBits:1];
  assign busy = fetching || valid_1 || valid_2;

  always_ff @(posedge clk) begin
    if (spacing != '0) spacing <= spacing - 4'd1;
    if (group_done) spacing <= 4'(group_rows) * (group_halves[1] ? 4'd2 : 4'd1) - 4'd1 + 4'(shares);
    if (issue) begin
      clear <= control[TermControlLastGroupLsb];
      if (end_2) issued_tile <= issued_tile + 16'd1;
    end
    if (advance) begin
      valid_1 <= memory_read;
      half_1 <= address[0];
      end_1 <= tile_end;
      valid_2 <= valid_1;
      end_2 <= end_1;
      head <= head_next;
      if (memory_read) begin
        address <= tile_end ? first_word : address + 16'd1;
        index <= tile_end ? '0 : index + 16'd1;
        if (tile_end) begin
          tile <= tile + 16'd1;
          if (tile + 16'd1 == tiles) fetching <= 1'b0;
        end
      end
    end
    if (start) begin
      fetching <= 1'b1;
      clear <= 1'b1;
      address <= first_word;
      {index, tile, issued_tile} <= '0;
      spacing <= '0;
      tiles_q <= tiles;
    end
    if (reset || start) {valid_1, valid_2} <= '0;
    if (reset) fetching <= 1'b0;
  end
endmodule
