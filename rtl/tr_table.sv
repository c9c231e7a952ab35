// TABLE: fetches both ADD tables, a weight word at a time, when nobody else reads the weight memory; other commands run
// meanwhile.
module tr_table
  import tr_formats_pkg::*;
(
    input  logic                              clk,
    input  logic                              stop,
    input  logic                              start,
    input  logic [AccelWeightAddressBits-1:0] weights,
    input  logic                              may_read,
    output logic                              read,           // only when it may
    output logic [AccelWeightAddressBits-1:0] read_address,
    /* verilator lint_off UNUSEDSIGNAL */
    input  logic [       AccelWeightBits-1:0] read_data,      // a cycle later
    /* verilator lint_on UNUSEDSIGNAL */
    output logic                              busy,
    output logic                              write,
    output logic [                       7:0] index,
    output logic [                      63:0] pair
);
  localparam int PairBits = AccelColumnBits - 3;  // of the number of a word's pair
  logic [8*AccelColumns-1:0] word;
  logic wants, fresh;
  (* keep *) logic [AccelColumns/8-1:0] takes;  // fresh, for each 64 bits

  assign read = wants && may_read;
  assign pair = word[64*index[PairBits-1:0]+:64];
  assign busy = wants || fresh || write;
  always_ff @(posedge clk) begin
    fresh <= read;
    takes <= {AccelColumns / 8{read}};
    for (int i = 0; i < AccelColumns / 8; i++) if (takes[i]) word[64*i+:64] <= read_data[64*i+:64];
    if (read) begin
      wants <= 1'b0;
      read_address <= read_address + AccelWeightAddressBits'(1);
    end
    if (fresh) begin
      write <= 1'b1;
    end else if (write) begin
      index <= index + 8'd1;
      if (&index[PairBits-1:0]) begin
        write <= 1'b0;
        wants <= !(&index);
      end
    end
    if (start) begin
      wants <= 1'b1;
      read_address <= weights;
      index <= '0;
    end
    if (stop) {wants, fresh, write} <= '0;
  end
endmodule
