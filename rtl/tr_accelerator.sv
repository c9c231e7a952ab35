// The term accelerator with its buses: AXI4-Lite registers (AccelRegister), AXI4-Stream in and out, an interrupt.
module tr_accelerator
  import tr_formats_pkg::*;
(
    input  logic        clk,
    input  logic        resetn,
    input  logic [ 7:0] s_axi_awaddr,
    input  logic [ 2:0] s_axi_awprot,
    input  logic        s_axi_awvalid,
    output logic        s_axi_awready,
    input  logic [31:0] s_axi_wdata,
    input  logic [ 3:0] s_axi_wstrb,
    input  logic        s_axi_wvalid,
    output logic        s_axi_wready,
    output logic [ 1:0] s_axi_bresp,
    output logic        s_axi_bvalid,
    input  logic        s_axi_bready,
    input  logic [ 7:0] s_axi_araddr,
    input  logic [ 2:0] s_axi_arprot,
    input  logic        s_axi_arvalid,
    output logic        s_axi_arready,
    output logic [31:0] s_axi_rdata,
    output logic [ 1:0] s_axi_rresp,
    output logic        s_axi_rvalid,
    input  logic        s_axi_rready,
    input  logic [63:0] s_axis_tdata,
    input  logic        s_axis_tvalid,
    output logic        s_axis_tready,
    input  logic        s_axis_tlast,
    input  logic        m_axis_resetn,  // of the DMA that receives: what runs ends, and what was offered is taken back
    output logic [63:0] m_axis_tdata,
    output logic [ 7:0] m_axis_tkeep,
    output logic        m_axis_tvalid,
    input  logic        m_axis_tready,
    output logic        m_axis_tlast,
    output logic        irq
);
  // ---- registers ------------------------------------------------------------------------------------------------
  logic write, got_address, got_data, start_run, start_load, start_dump, soft_reset, stream_reset, busy, done, done_seen, interrupt_on;
  logic waits_input, waits_output;
  logic [15:0] entry, stop, command_index, dump_address, dump_count;
  logic [31:0] timeout, cycles, stamp, program_crc, read_value;
  logic [AccelCommandAddressBits-1:0] select;
  logic [2:0] error;

  // Addresses and data are taken into registers, in either order; a write is done when both are there and its response
  // was taken. All READY are registers.
  logic [7:0] write_at, read_at;
  logic [31:0] write_value;
  logic [3:0] strobe;
  logic reads;
  assign write = got_address && got_data && !s_axi_bvalid;
  assign s_axi_bresp = 2'b00;
  assign s_axi_rresp = 2'b00;

  // A register's new value: the bytes that WSTRB names.
  function automatic logic [31:0] merged(input logic [31:0] old, input logic [31:0] value, input logic [3:0] bytes);
    for (int i = 0; i < 4; i++) merged[8*i+:8] = bytes[i] ? value[8*i+:8] : old[8*i+:8];
  endfunction

  always_comb begin
    case (read_at)
      8'(AccelRegisterId): read_value = AccelId;
      8'(AccelRegisterVersion): read_value = AccelVersion;
      8'(AccelRegisterStatus): read_value = 32'({waits_output, waits_input, done_seen, busy});
      8'(AccelRegisterError): read_value = 32'(error);
      8'(AccelRegisterCommand): read_value = 32'(command_index);
      8'(AccelRegisterEntry): read_value = 32'(entry);
      8'(AccelRegisterStop): read_value = 32'(stop);
      8'(AccelRegisterTimeout): read_value = timeout;
      8'(AccelRegisterCycles): read_value = cycles;
      8'(AccelRegisterSelect): read_value = 32'(select);
      8'(AccelRegisterStamp): read_value = stamp;
      8'(AccelRegisterInterrupt): read_value = 32'(interrupt_on);
      8'(AccelRegisterDumpAddress): read_value = 32'(dump_address);
      8'(AccelRegisterDumpCount): read_value = 32'(dump_count);
      8'(AccelRegisterProgram): read_value = program_crc;
      default: read_value = '0;
    endcase
  end

  always_ff @(posedge clk) begin
    {start_run, start_load, start_dump} <= '0;
    {soft_reset, stream_reset} <= {2{!m_axis_resetn}};
    if (s_axi_awvalid && s_axi_awready) begin
      write_at <= {s_axi_awaddr[7:2], 2'b00};
      {got_address, s_axi_awready} <= 2'b10;
    end
    if (s_axi_wvalid && s_axi_wready) begin
      {write_value, strobe} <= {s_axi_wdata, s_axi_wstrb};
      {got_data, s_axi_wready} <= 2'b10;
    end
    if (s_axi_bready) s_axi_bvalid <= 1'b0;
    if (write) begin
      s_axi_bvalid <= 1'b1;
      {got_address, got_data, s_axi_awready, s_axi_wready} <= 4'b0011;
      case (write_at)
        8'(AccelRegisterControl):
        if (strobe[0]) begin
          start_run <= write_value[0] && !busy;
          start_load <= write_value[1] && !busy;
          start_dump <= write_value[2] && !busy;
          if (write_value[3]) soft_reset <= 1'b1;
        end
        8'(AccelRegisterEntry): entry <= 16'(merged(32'(entry), write_value, strobe));
        8'(AccelRegisterStop): stop <= 16'(merged(32'(stop), write_value, strobe));
        8'(AccelRegisterTimeout): timeout <= merged(timeout, write_value, strobe);
        8'(AccelRegisterSelect): select <= AccelCommandAddressBits'(merged(32'(select), write_value, strobe));
        8'(AccelRegisterInterrupt): interrupt_on <= 1'(merged(32'(interrupt_on), write_value, strobe));
        8'(AccelRegisterDumpAddress): dump_address <= 16'(merged(32'(dump_address), write_value, strobe));
        8'(AccelRegisterDumpCount): dump_count <= 16'(merged(32'(dump_count), write_value, strobe));
        default: ;
      endcase
    end
    if (s_axi_arvalid && s_axi_arready) begin
      read_at <= {s_axi_araddr[7:2], 2'b00};
      {reads, s_axi_arready} <= 2'b10;
    end
    if (reads) begin
      {reads, s_axi_rvalid} <= 2'b01;
      s_axi_rdata <= read_value;
    end
    if (s_axi_rvalid && s_axi_rready) {s_axi_rvalid, s_axi_arready} <= 2'b01;
    done_seen <= done && !(start_run || start_load || start_dump);
    irq <= done_seen && interrupt_on;
    if (!resetn) begin
      {got_address, got_data, reads} <= '0;
      {s_axi_awready, s_axi_wready, s_axi_arready} <= '1;
      {s_axi_bvalid, s_axi_rvalid, start_run, start_load, start_dump, interrupt_on, done_seen, irq} <= '0;
      {soft_reset, stream_reset} <= '1;
      {entry, timeout, select, dump_address, dump_count} <= '0;
      stop <= 16'(AccelNoStop);
    end
  end

  assign m_axis_tkeep = '1;
  tr_core core (
      .clk, .reset(soft_reset), .stream_reset, .start_run, .start_load, .start_dump, .entry, .stop, .timeout,
      .dump_address, .dump_count, .select, .busy, .done, .error, .command_index, .cycles, .stamp,
      .program_crc, .waits_input, .waits_output, .in_data(s_axis_tdata), .in_valid(s_axis_tvalid),
      .in_ready(s_axis_tready), .in_last(s_axis_tlast), .out_data(m_axis_tdata), .out_valid(m_axis_tvalid),
      .out_ready(m_axis_tready), .out_last(m_axis_tlast));

  logic unused;
  assign unused = &{s_axi_awprot, s_axi_arprot, s_axi_awaddr[1:0], s_axi_araddr[1:0]};
endmodule
