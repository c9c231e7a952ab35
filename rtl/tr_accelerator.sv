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
    output logic [63:0] m_axis_tdata,
    output logic [ 7:0] m_axis_tkeep,
    output logic        m_axis_tvalid,
    input  logic        m_axis_tready,
    output logic        m_axis_tlast,
    output logic        irq
);
  // ---- registers ------------------------------------------------------------------------------------------------
  logic write, start_run, start_load, start_dump, soft_reset, busy, done, done_seen, interrupt_on;
  logic waits_input, waits_output;
  logic [15:0] entry, stop, command_index, dump_address, dump_count;
  logic [31:0] timeout, cycles, stamp, program_crc, read_value;
  logic [AccelCommandAddressBits-1:0] select;
  logic [2:0] error;

  // A write waits for address and data, then for the response to be taken.
  assign write = s_axi_awvalid && s_axi_wvalid && !s_axi_bvalid;
  assign s_axi_awready = write;
  assign s_axi_wready = write;
  assign s_axi_bresp = 2'b00;
  assign s_axi_rresp = 2'b00;
  assign s_axi_arready = !s_axi_rvalid;

  always_comb begin
    case (s_axi_araddr)
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
    {start_run, start_load, start_dump, soft_reset} <= '0;
    if (write) begin
      s_axi_bvalid <= 1'b1;
      case (s_axi_awaddr)
        8'(AccelRegisterControl):
        if (s_axi_wstrb[0]) begin
          start_run <= s_axi_wdata[0] && !busy;
          start_load <= s_axi_wdata[1] && !busy;
          start_dump <= s_axi_wdata[2] && !busy;
          soft_reset <= s_axi_wdata[3];
        end
        8'(AccelRegisterEntry): entry <= s_axi_wdata[15:0];
        8'(AccelRegisterStop): stop <= s_axi_wdata[15:0];
        8'(AccelRegisterTimeout): timeout <= s_axi_wdata;
        8'(AccelRegisterSelect): select <= s_axi_wdata[AccelCommandAddressBits-1:0];
        8'(AccelRegisterInterrupt): interrupt_on <= s_axi_wdata[0];
        8'(AccelRegisterDumpAddress): dump_address <= s_axi_wdata[15:0];
        8'(AccelRegisterDumpCount): dump_count <= s_axi_wdata[15:0];
        default: ;
      endcase
    end else if (s_axi_bready) s_axi_bvalid <= 1'b0;
    if (s_axi_arvalid && s_axi_arready) begin
      s_axi_rvalid <= 1'b1;
      s_axi_rdata <= read_value;
    end else if (s_axi_rready) s_axi_rvalid <= 1'b0;
    done_seen <= done && !(start_run || start_load || start_dump);
    irq <= done_seen && interrupt_on;
    if (!resetn) begin
      {s_axi_bvalid, s_axi_rvalid, start_run, start_load, start_dump, interrupt_on, done_seen, irq} <= '0;
      soft_reset <= 1'b1;
      {entry, timeout, select, dump_address, dump_count} <= '0;
      stop <= 16'(AccelNoStop);
    end
  end

  assign m_axis_tkeep = '1;
  tr_core core (
      .clk, .reset(soft_reset), .start_run, .start_load, .start_dump, .entry, .stop, .timeout,
      .dump_address, .dump_count, .select, .busy, .done, .error, .command_index, .cycles, .stamp,
      .program_crc, .waits_input, .waits_output, .in_data(s_axis_tdata), .in_valid(s_axis_tvalid),
      .in_ready(s_axis_tready), .in_last(s_axis_tlast), .out_data(m_axis_tdata), .out_valid(m_axis_tvalid),
      .out_ready(m_axis_tready), .out_last(m_axis_tlast));

  logic unused;
  assign unused = &{s_axi_awprot, s_axi_arprot, s_axi_wstrb[3:1]};
endmodule
