// The broadcast term array: ROWS output channels x COLUMNS pixels. One word a cycle is shared by all columns; it passes
// one register a segment of 16 columns, so index and sign are decoded once a row. `total` is complete Latency cycles
// after the word. Nothing here multiplies.
module tr_array
  import tr_formats_pkg::*;
(
    input  logic                                       clk,
    input  logic                                       valid,
    input  logic                                       clear,        // the first word of a group
    input  logic                                       parity,       // which half of the entries is read
    input  logic [        AccelRows*RowTermsBits-1:0] word,
    input  logic [                  AccelColumns-1:0] write_column,
    input  logic [                    AccelBanks-1:0] write_bank,
    input  logic [                               4:0] write_entry,
    input  logic [AccelBanks*AccelColumns*AccelValueBits-1:0] write_data,  // [bank][column]
    output logic [AccelRows*AccelColumns*AccelSumBits-1:0] total
);
  localparam int W = AccelValueBits;
  localparam int Segment = 16;
  localparam int Segments = AccelColumns / Segment;
  localparam int Copies = Segment / 4;

  for (genvar s = 0; s < Segments; s++) begin : g_segment
    // Data to write, registered once more for the fan-out over the rows.
    logic [AccelBanks*Segment*W-1:0] data_q;
    always_ff @(posedge clk) begin
      for (int b = 0; b < AccelBanks; b++)
        for (int c = 0; c < Segment; c++)
          data_q[(b*Segment+c)*W+:W] <= write_data[(b*AccelColumns+s*Segment+c)*W+:W];
    end
    for (genvar r = 0; r < AccelRows; r++) begin : g_row
      // Copies, so that no net has more than 64 loads: entries to write by bank, controls of the adders by four columns.
      (* keep *) logic [Segment-1:0] column_q;
      (* keep *) logic [AccelBanks-1:0] bank_q;
      (* keep *) logic [AccelBanks*5-1:0] entry_q;
      (* keep *) logic [44:0] read_q;
      (* keep *) logic [11:0] pairs_q;
      (* keep *) logic [Copies-1:0][11:0] pairs_q2;
      (* keep *) logic [Copies-1:0] none_q;
      (* keep *) logic [2:0] minus_q;
      logic [4:0] valid_q, clear_q;
      logic [4:0][1:0] shift_q;
      always_ff @(posedge clk) begin
        for (int i = 0; i < AccelLanes; i++)
          read_q[5*i+:5] <= word[r*RowTermsBits+5*i+:5] ^ {parity, 4'b0};
        pairs_q <= word[r*RowTermsBits+RowTermsPair0Lsb+:12];
        column_q <= write_column[s*Segment+:Segment];
        bank_q <= write_bank;
        entry_q <= {AccelBanks{write_entry}};
        pairs_q2 <= {Copies{pairs_q}};
        none_q <= {Copies{word[r*RowTermsBits+RowTermsSingleLsb+:2] == '0}};
        minus_q <= {minus_q[1:0], word[r*RowTermsBits+RowTermsSingleLsb+1]};
        valid_q <= {valid_q[3:0], valid};
        clear_q <= {clear_q[3:0], clear};
        shift_q <= {shift_q[3:0], word[r*RowTermsBits+RowTermsShiftLsb+:2]};
      end
      logic signed [11:0] sum[Segment];
      for (genvar c = 0; c < Segment; c++) begin : g_column
        tr_element element (
            .clk, .write(bank_q & {AccelBanks{column_q[c]}}), .write_entry(entry_q),
            .write_data({data_q[(2*Segment+c)*W+:W], data_q[(Segment+c)*W+:W], data_q[c*W+:W]}),
            .entry(read_q), .none(none_q[c/4]), .pairs(pairs_q2[c/4]), .minus(minus_q[2]), .sum(sum[c]));
      end
      for (genvar c = 0; c < Segment; c = c + 2) begin : g_pair
        localparam int At = (r * AccelColumns + s * Segment + c) * AccelSumBits;
        tr_horner2 horner (
            .clk, .valid(valid_q[4]), .clear(clear_q[4]), .shift(shift_q[4]), .sum0(sum[c]), .sum1(sum[c+1]),
            .total0(total[At+:AccelSumBits]), .total1(total[At+AccelSumBits+:AccelSumBits]));
      end
    end
  end
endmodule
