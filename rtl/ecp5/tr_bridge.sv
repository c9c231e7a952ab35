// Requests of the serial link to an accelerator's registers and streams. A repeated request is answered again and done
// once: streams count bytes, and a register is not written twice for the same sequence number.
module tr_bridge
  import tr_formats_pkg::*;
#(
    parameter int BEATS = 512  // of each stream's queue, a power of two, at least twice what a frame holds
) (
    input  logic                       clk,
    input  logic                       reset,
    // a request
    input  logic [FrameHeaderBits-1:0] header,
    input  logic                       put,
    input  logic [                9:0] put_at,
    input  logic [                7:0] put_value,
    input  logic                       ended,
    input  logic                       good,
    output logic                       busy,
    // its reply
    output logic                       reply,
    output logic [FrameHeaderBits-1:0] reply_header,
    input  logic [                9:0] payload_at,
    output logic [                7:0] payload_value,
    input  logic                       replying,
    // the accelerator's registers, AXI4-Lite
    output logic [                7:0] address,
    output logic [               31:0] write_value,
    output logic                       awvalid,
    input  logic                       awready,
    output logic                       wvalid,
    input  logic                       wready,
    input  logic                       bvalid,
    output logic                       arvalid,
    input  logic                       arready,
    input  logic                       rvalid,
    input  logic [               31:0] read_value,
    // its streams
    output logic [               63:0] in_data,
    output logic                       in_valid,
    input  logic                       in_ready,
    output logic                       in_last,
    input  logic [               63:0] out_data,
    input  logic                       out_valid,
    output logic                       out_ready,
    output logic                       flush       // of both streams
);
  localparam int P = $clog2(BEATS);
  localparam int HeadBytes = TransferBits / 8;  // RegisterAccess is as long
  typedef enum logic [2:0] {Idle, Decide, Write, Read, Reply, Wait} state_t;
  state_t state;
  logic [63:0] access;  // a Transfer or a RegisterAccess
  logic [31:0] offset, answer;
  logic [15:0] count, length, written_sequence, status, reply_length;
  logic [7:0] command;
  logic is_write, is_read, is_send, is_receive, is_flush, is_good, has_written, is_written, is_next, answers_stream;

  assign command = header[FrameHeaderCommandLsb+:8];
  assign length = header[FrameHeaderLengthLsb+:16];
  assign offset = access[TransferOffsetLsb+:32];
  assign count = access[TransferCountLsb+:16];
  assign busy = state != Idle;

  // ---- the input stream: beats are put behind the queue's end as they come, and belong to it if the frame was good ----
  logic [64:0] in_queue[BEATS];
  logic [P:0] in_head, in_tail;
  logic [55:0] early;
  logic has_room, takes;
  logic [9:0] in_at;
  wire [9:0] last_at = 10'(HeadBytes - 1) + count[9:0];
  wire [P:0] in_level = in_tail - in_head;
  wire in_moves = !in_valid || in_ready;
  assign in_at = put_at - 10'(HeadBytes);
  always_ff @(posedge clk) begin
    if (put && put_at < 10'(HeadBytes)) access <= {put_value, access[63:8]};
    if (put && put_at == '0) has_room <= in_level < (P + 1)'(BEATS / 2);
    if (put) early <= {put_value, early[55:8]};
    if (put && put_at >= 10'(HeadBytes) && &in_at[2:0] && has_room)
      in_queue[P'(in_tail)+P'(in_at[9:3])] <= {put_at == last_at && access[TransferLayerLsb+:16] != '0, put_value, early};
    if (takes) in_tail <= in_tail + (P + 1)'(count[15:3]);
    if (in_moves) begin
      {in_last, in_data} <= in_queue[in_head[P-1:0]];
      in_valid <= in_head != in_tail;
      if (in_head != in_tail) in_head <= in_head + (P + 1)'(1);
    end
    if (flush || reset) {in_head, in_tail, in_valid} <= '0;
  end

  // ---- the output stream: beats stay until what is asked for is behind them ------------------------------------------
  logic [63:0] out_queue[BEATS];
  logic [63:0] out_beat;
  logic [P:0] out_head, out_tail, out_level, skipped;  // skipped: beats that are forgotten
  logic [31:0] taken, forgotten;  // bytes since a flush
  logic [31:0] ahead;
  logic [2:0] byte_at;
  logic forgets;
  assign ahead = offset - forgotten;
  assign out_ready = !out_level[P];
  always_ff @(posedge clk) begin
    out_level <= out_tail - out_head + (P + 1)'(out_valid && out_ready);
    if (out_valid && out_ready) begin
      out_queue[out_tail[P-1:0]] <= out_data;
      out_tail <= out_tail + (P + 1)'(1);
    end
    out_beat <= out_queue[out_head[P-1:0]+P'(payload_at[9:3])];
    byte_at <= payload_at[2:0];
    if (forgets) out_head <= out_head + skipped;
    if (flush || reset) {out_head, out_tail, out_level} <= '0;
  end
  assign payload_value = answers_stream ? out_beat[8*byte_at+:8] : answer[8*byte_at[1:0]+:8];

  // ---- requests ---------------------------------------------------------------------------------------------------------
  wire [P:0] out_there = out_tail - out_head;
  wire [P+3:0] out_bytes = {out_there, 3'd0};
  always_ff @(posedge clk) begin
    is_write <= command == 8'(CommandWriteRegister);
    is_read <= command == 8'(CommandReadRegister);
    is_send <= command == 8'(CommandSendStream);
    is_receive <= command == 8'(CommandReceiveStream);
    is_flush <= command == 8'(CommandFlushStreams);
    is_written <= has_written && header[FrameHeaderSequenceLsb+:16] == written_sequence;
    is_next <= offset == taken && has_room;
    {takes, forgets, flush, reply} <= '0;
    case (state)
      Idle: begin
        is_good <= good;
        {reply_length, status} <= {16'd0, 16'(StatusOk)};
        answers_stream <= 1'b0;
        if (ended) state <= Decide;
      end
      Decide: begin
        state <= Reply;
        if (is_good && !is_write) has_written <= 1'b0;  // what is on the line comes in order
        address <= access[7:0];
        write_value <= access[RegisterAccessValueLsb+:32];
        if (!is_good) status <= 16'(StatusNak);
        else if (header[FrameHeaderVersionLsb+:8] != 8'(LinkVersion)) status <= 16'(StatusBadVersion);
        else if (!(is_write || is_read || is_send || is_receive || is_flush)) status <= 16'(StatusBadCommand);
        else if (length != (is_flush ? 16'd0 : is_send ? 16'(HeadBytes) + count : 16'(HeadBytes))
            || ((is_send || is_receive) && (count[2:0] != '0 || offset[2:0] != '0 || count > 16'(MaxPayload))))
          status <= 16'(StatusBadArgument);
        else if (is_write) begin
          {has_written, written_sequence} <= {1'b1, header[FrameHeaderSequenceLsb+:16]};
          if (!is_written) begin
            {awvalid, wvalid} <= '1;
            state <= Write;
          end
        end else if (is_read) begin
          arvalid <= 1'b1;
          state <= Read;
        end else if (is_send) begin
          takes <= is_next;
          reply_length <= 16'd4;
          if (is_next) taken <= taken + 32'(count);
          answer <= is_next ? taken + 32'(count) : taken;
        end else if (is_receive) begin
          if (ahead > 32'(out_bytes)) status <= 16'(StatusBadArgument);
          else begin
            forgets <= 1'b1;
            skipped <= (P + 1)'(ahead[15:3]);
            forgotten <= offset;
            answers_stream <= 1'b1;
            reply_length <= 32'(out_bytes) - ahead < 32'(count) ? 16'(32'(out_bytes) - ahead) : count;
          end
        end else begin
          flush <= 1'b1;
          {taken, forgotten} <= '0;
        end
      end
      Write: begin
        if (awready) awvalid <= 1'b0;
        if (wready) wvalid <= 1'b0;
        if (bvalid) state <= Reply;
      end
      Read: begin
        if (arready) arvalid <= 1'b0;
        if (rvalid) begin
          answer <= read_value;
          reply_length <= 16'd4;
          state <= Reply;
        end
      end
      Reply: begin
        reply <= 1'b1;
        state <= Wait;
      end
      default: if (!reply && !replying) state <= Idle;
    endcase
    if (reset) begin
      {state, awvalid, wvalid, arvalid, reply, takes, forgets, flush} <= {Idle, 7'd0};
      {taken, forgotten, has_written} <= '0;
    end
  end

  always_comb begin
    reply_header = header;
    reply_header[FrameHeaderVersionLsb+:8] = 8'(LinkVersion);
    reply_header[FrameHeaderCommandLsb+:8] = command | 8'(ReplyBit);
    reply_header[FrameHeaderStatusLsb+:8] = status[7:0];
    reply_header[FrameHeaderLengthLsb+:16] = reply_length;
    if (status == 16'(StatusNak)) begin
      reply_header = '0;
      reply_header[FrameHeaderVersionLsb+:8] = 8'(LinkVersion);
      reply_header[FrameHeaderCommandLsb+:8] = 8'(ReplyBit);
      reply_header[FrameHeaderStatusLsb+:8] = 8'(StatusNak);
    end
  end
endmodule
