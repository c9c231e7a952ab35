// Fetches commands, starts one after the other, waits for each to end, and stamps when it did. A run ends at END, before
// command `stop`, or with an error.
module tr_sequencer
  import tr_formats_pkg::*;
(
    input  logic                              clk,
    input  logic                              reset,
    // control
    input  logic                              start_run,
    input  logic                              start_load,
    input  logic                              start_dump,
    input  logic [                      15:0] entry,
    input  logic [                      15:0] stop,
    input  logic [                      15:0] dump_address,
    input  logic [                      15:0] dump_count,
    input  logic [AccelCommandAddressBits-1:0] select,
    output logic                              busy,
    output logic                              done,
    output logic [                       2:0] error,
    output logic [                      15:0] command_index,
    output logic [                      31:0] cycles,
    output logic [                      31:0] stamp,      // of command `select`
    // command memory, read a cycle before Fetch
    output logic                              command_read,
    output logic [AccelCommandAddressBits-1:0] command_address,
    input  logic [           CommandBits-1:0] command_data,
    /* verilator lint_off UNUSEDSIGNAL */
    output logic [           CommandBits-1:0] command,
    /* verilator lint_on UNUSEDSIGNAL */
    // engines
    input  logic                              engine_busy,
    input  logic                              table_busy,  // TABLE goes on
    input  logic                              in_busy,     // INPUT goes on
    input  logic                              load_busy,   // LOAD goes on
    input  logic [                       2:0] failure,     // an error of this cycle, or none
    output logic                              launch,      // one cycle: the command begins
    output logic                              loading,     // a program, not a LOAD command
    output logic                              ended,       // engines stop
    // the running command
    output logic                              is_input,
    output logic                              is_output,
    output logic                              is_load,
    output logic                              is_array,
    output logic                              is_dense,
    output logic                              is_sum,
    output logic                              is_maximum,
    output logic                              is_table,
    output logic                              is_add,
    output logic                              more,  // an OUTPUT's packet goes on
    output logic [                      15:0] tiles,
    output logic [                      15:0] src
);
  localparam logic [9*8-1:0] Opcodes = {
    8'(OpcodeAdd), 8'(OpcodeTable), 8'(OpcodeMaximum), 8'(OpcodeSum), 8'(OpcodeDense), 8'(OpcodeArray), 8'(OpcodeLoad),
    8'(OpcodeOutput), 8'(OpcodeInput)};
  localparam int Add = 8, Table = 7, Array = 3, Load = 2, Output = 1, Input = 0;  // places in it
  typedef enum logic [2:0] {Idle, Fetch, Decode, Launch, Run, Settle, Finish} state_t;
  state_t state;
  logic dumping;  // a load or a dump is a command of its own
  logic [4:0] settle;
  logic must_wait, at_stop, stop_follows, is_last;
  logic [8:0] named, kind;  // one bit for each opcode but END: of the command in Decode, and of the one that runs
  logic ends, waits_tables, waits_input, waits_load;  // the command in Decode is END, waits for a TABLE, an INPUT, a LOAD
  logic [31:0] stamps[AccelCommands];

  assign launch = state == Launch;
  assign busy = state != Idle;
  assign ended = state == Finish || reset;
  assign command_read = state == Idle || (state == Settle && settle == '0);
  assign command_address = AccelCommandAddressBits'(state == Idle ? entry : command_index + 16'd1);
  for (genvar i = 0; i < CommandBits; i = i + 64) begin : g_command
    localparam int Bits = CommandBits - i < 64 ? CommandBits - i : 64;
    (* keep *) logic fetch;  // state is Fetch
    always_ff @(posedge clk) begin
      fetch <= (state == Idle && start_run) || (state == Settle && settle == '0 && !loading && !dumping && !is_last);
      if (fetch) command[i+:Bits] <= command_data[i+:Bits];
    end
  end

  // What engines see of a command is decoded as it comes and registered as it leaves Decode.
  wire [8:0] fetched;
  for (genvar i = 0; i < 9; i++) begin : g_fetched
    assign fetched[i] = command_data[CommandOpcodeLsb+:8] == Opcodes[8*i+:8];
  end
  always_ff @(posedge clk)
    if (state == Fetch) begin
      named <= fetched;
      ends <= command_data[CommandOpcodeLsb+:8] == 8'(OpcodeEnd);
      // INPUT, TABLE and LOAD go on beside what follows, unless that needs what they bring.
      waits_tables <= fetched[Add] || fetched[Table] || fetched[Load];
      waits_input <= !fetched[Table] && !(fetched[Array] && command_data[CommandSrcLsb+:16] != '0);
      waits_load <= fetched[Input] || fetched[Load] || !command_data[CommandDuringLoadLsb];
    end
  assign {is_add, is_table, is_maximum, is_sum, is_dense, is_array, is_load, is_output, is_input} = kind;

  assign must_wait = (table_busy && waits_tables) || (in_busy && waits_input) || (load_busy && waits_load);

  always_ff @(posedge clk) begin
    if (busy) cycles <= cycles + 32'd1;
    // Of the index, which stays for some cycles.
    is_last <= command_index == 16'(AccelCommands - 1);
    stop_follows <= command_index + 16'd1 == stop;
    case (state)
      Idle: begin
        if (start_run || start_load || start_dump) begin
          state <= start_run ? Fetch : Launch;
          kind <= '0;
          {kind[Load], kind[Output]} <= {start_load, start_dump && !start_load};
          {more, tiles, src} <= {1'b0, dump_count, dump_address};
          loading <= start_load;
          dumping <= start_dump;
          command_index <= entry;
          at_stop <= entry == stop;
          cycles <= '0;
          error <= '0;
          done <= 1'b0;
        end
      end
      Fetch:
      if (!at_stop) state <= Decode;
      else if (!(table_busy || in_busy || load_busy)) state <= Finish;  // a run from here on may need what comes
      Decode: begin
        kind <= named;
        {more, tiles, src} <= {command[CommandMoreLsb], command[CommandTilesLsb+:16], command[CommandSrcLsb+:16]};
        if (ends) begin
          if (!load_busy) state <= Finish;  // it may yet fail
        end else if (named != '0) begin
          if (!must_wait) state <= Launch;
        end else begin
          error <= 3'(AccelErrorOpcode);
          state <= Finish;
        end
      end
      Launch: state <= Run;
      Run:
      if (!engine_busy) begin
        // What is still in the lanes must be written before the next command is fetched: 8 cycles after ARRAY's last
        // results leave, more after the others' last read. `engine_busy` is one of them late.
        settle <= is_array ? 5'd5 : is_dense || is_sum || is_maximum || is_add ? 5'd19 : 5'd1;
        state <= Settle;
      end
      Settle: begin
        settle <= settle - 5'd1;
        if (settle == '0) begin
          stamps[command_index[AccelCommandAddressBits-1:0]] <= cycles;
          if (loading || dumping) state <= Finish;
          else if (is_last) begin
            error <= 3'(AccelErrorOverrun);
            state <= Finish;
          end else begin
            command_index <= command_index + 16'd1;
            at_stop <= stop_follows;
            state <= Fetch;
          end
        end
      end
      default: begin
        done <= 1'b1;
        state <= Idle;
      end
    endcase
    if (failure != '0 && state != Idle && state != Finish) begin
      error <= failure;
      state <= Finish;
    end
    if (reset) begin
      if (busy) begin
        error <= 3'(AccelErrorReset);
        done <= 1'b1;
      end
      state <= Idle;
    end
    stamp <= stamps[select];
  end
endmodule
