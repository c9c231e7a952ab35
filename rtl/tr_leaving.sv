// Finished groups of the array: seven cycles after their last word their sums are taken over, and leave half a row a
// cycle. Says where each goes.
module tr_leaving
  import tr_formats_pkg::*;
(
    input  logic                                            clk,
    input  logic                                            stop,
    input  logic                                            launch,
    input  logic [                    AccelAddressBits-1:0] dst,
    input  logic [                    AccelAddressBits-1:0] dst_stride,
    // from the player
    input  logic                                            group_done,
    input  logic                                            group_first,
    input  logic                                            group_final,
    input  logic                                            tile_done,
    input  logic [                                     2:0] group_rows,
    input  logic [                                     1:0] group_halves,
    input  logic [                                     9:0] group,
    input  logic [AccelRows*AccelColumns*AccelSumBits-1:0] total,
    output logic                                            busy,
    // half a row that leaves
    output logic                                            valid,
    output logic                                            first,        // the bias is added, else the partial sum
    output logic                                            final_sum,    // it is requantised, else kept as partial sum
    output logic [                    AccelAddressBits-1:0] address,
    output logic                                            half,
    output logic [                                     9:0] at_group,
    output logic [                        AccelRowBits-1:0] row,
    output wire  [           AccelOutputs*AccelSumBits-1:0] values        // of now
);
  localparam int S = AccelSumBits;
  localparam int A = AccelAddressBits;
  localparam int Outputs = AccelOutputs;
  localparam int Fields = 18;

  logic [7:1] pending;
  logic [7*Fields-1:0] fields;  // of those, the oldest on top
  logic tile_end, last, row_last, next_first, next_final, next_tile_end;
  logic [2:0] rows, next_rows;
  logic [1:0] halves, next_halves;
  logic [9:0] next_group;
  logic [A-1:0] tile_address, group_address;
  logic [AccelRows*AccelColumns*S-1:0] held;

  assign busy = valid || |pending;
  // Sums are taken over with a copy of pending[7] for each 48, and half a row is chosen with a copy for each result.
  localparam int Takers = AccelRows * AccelColumns / 2;
  localparam int Sixes = (Takers + 31) / 32;
  (* keep *) logic [Sixes-1:0] take_6;
  (* keep *) logic [Takers-1:0] take;
  (* keep *) logic [Outputs-1:0][2:0] choice;
  logic [AccelRowBits-1:0] row_next;
  logic half_next;
  always_ff @(posedge clk) begin
    take_6 <= {Sixes{pending[5]}};
    for (int i = 0; i < Takers; i++) begin
      take[i] <= take_6[i/32];
      if (take[i]) held[2*S*i+:2*S] <= total[2*S*i+:2*S];
    end
    for (int i = 0; i < Outputs; i++) choice[i] <= 3'({row_next, half_next});
    {row, half} <= {row_next, half_next};
  end
  always_comb begin
    {row_next, half_next} = {row, half};
    if (valid) half_next = !row_last;
    if (valid && row_last) row_next = row + AccelRowBits'(1);
    if (pending[7]) {row_next, half_next} = '0;
  end

  assign row_last = half || halves == 2'd1;
  assign last = row_last && 3'(row) + 3'd1 == rows;
  assign {next_first, next_final, next_tile_end, next_rows, next_halves, next_group} = fields[6*Fields+:Fields];
  always_ff @(posedge clk) begin
    pending <= {pending[6:1], group_done};
    fields <= {fields[6*Fields-1:0], group_first, group_final, tile_done, group_rows, group_halves, group};
    if (valid) begin
      if (row_last) address <= address + dst_stride;
      if (last) begin
        valid <= 1'b0;
        if (final_sum) group_address <= address + dst_stride;
        if (tile_end) begin
          group_address <= tile_address + A'(1);
          tile_address <= tile_address + A'(1);
        end
      end
    end
    if (pending[7]) begin
      valid <= 1'b1;
      {first, final_sum, tile_end} <= {next_first, next_final, next_tile_end};
      {rows, halves, at_group} <= {next_rows, next_halves, next_group};
      address <= valid ? (tile_end ? tile_address + A'(1) : final_sum ? address + dst_stride : group_address)
                       : group_address;
    end
    if (launch) {tile_address, group_address} <= {dst, dst};
    if (stop || launch) begin
      valid <= 1'b0;
      pending <= '0;
    end
  end

  // Up to four rows of two halves: a constant number of choices, so a synthesiser sees an eight-way multiplexer.
  for (genvar i = 0; i < Outputs; i++) begin : g_output
    wire [8*S-1:0] choices;
    for (genvar k = 0; k < 8; k++) begin : g_choice
      if (k < 2 * AccelRows) begin : g_used
        assign choices[k*S+:S] = held[(k*Outputs+i)*S+:S];
      end else begin : g_rest
        assign choices[k*S+:S] = '0;
      end
    end
    tr_select8 #(.BITS(S)) choose (.values(choices), .choice(choice[i]), .y(values[i*S+:S]));
  end
endmodule
