// What reads activations: gather operations for the array and the reductions, else tr_scan. What is known of a window
// when its address is given goes along; a suffix _5 is five cycles after the address, with the window, _6 one more, with
// the columns' data.
module tr_reader
  import tr_formats_pkg::*;
(
    input  logic                              clk,
    input  logic                              stop,
    input  logic                              launch,
    input  logic                              is_array,
    input  logic                              by_channel,     // SUM or MAXIMUM
    input  logic                              double_buffer,
    input  logic [AccelGatherAddressBits-1:0] gather_at,
    input  logic [                      15:0] count,
    input  logic [      AccelAddressBits-1:0] src_stride,
    // of an INPUT under way: words that came, that the first step needs, and how much more each further step does
    input  logic                              in_busy,
    input  logic [        AccelAddressBits:0] in_arrived,
    input  logic                              in_arrives,     // one more, in the next cycle
    input  logic [        AccelAddressBits:0] in_first,
    input  logic [        AccelAddressBits:0] in_more,
    // gather memory
    output logic                              gather_busy,
    output logic                              gather_read,
    output logic [AccelGatherAddressBits-1:0] gather_address,
    input  logic [          GatherOpBits-1:0] gather_data,
    // tr_scan
    input  logic                              scan_valid,
    input  logic [      AccelAddressBits-1:0] scan_address,
    input  logic [       AccelColumnBits-1:0] scan_value,
    input  logic                              scan_first,
    input  logic                              scan_last,
    input  logic [                       1:0] scan_bias,
    // steps of the array
    input  logic                              step_done,
    output logic                              step_ready,
    output logic                              used_parity,    // which half of the entries is read
    output logic                              loaded_parity,  // and written
    // to the activation memory
    output logic [      AccelAddressBits-1:0] read_address,
    output logic [       AccelColumnBits-1:0] read_first,
    output logic [                       1:0] read_phase,
    output logic [  AccelMaskAddressBits-1:0] mask_4,
    output logic                              valid_4,
    output logic                              valid_5,
    output logic                              first_5,
    output logic                              last_5,
    output logic [                       1:0] bias_5,
    output logic                              valid_6,
    output logic                              last_6,         // of a step, a result
    output logic [            AccelBanks-1:0] banks_6,
    output logic [                       4:0] entry_6,
    output logic                              last_channel_7  // with last_6 a cycle before: the channel's last result
);
  logic gathers, gather_valid, gather_last, gather_last_channel, may_step;
  logic [AccelAddressBits-1:0] gather_word;
  logic [AccelColumnBits-1:0] gather_first;
  logic [1:0] gather_phase;
  logic [AccelBanks-1:0] gather_banks;
  logic [4:0] gather_entry;
  logic [AccelMaskAddressBits-1:0] gather_mask;
  logic [1:0] ahead, ready;  // steps: opened, or loaded, and not used yet
  logic loaded_odd, used_odd;
  logic signed [AccelAddressBits+1:0] in_beyond;  // words that came beyond those that the next step needs
  logic loads;

  assign gathers = is_array || by_channel;
  assign may_step = by_channel || (!ahead[1] && (double_buffer || !ahead[0]) &&
                                   (!in_busy || !in_beyond[AccelAddressBits+1]));
  assign step_ready = ready != '0;
  assign used_parity = double_buffer & used_odd;
  assign loaded_parity = double_buffer & loaded_odd;
  assign loads = valid_6 && last_6;
  tr_gather gather (
      .clk, .reset(stop), .start(launch && gathers), .by_channel, .first_op(gather_at), .channels(count),
      .channel_stride(src_stride), .may_step, .busy(gather_busy), .memory_read(gather_read),
      .memory_address(gather_address), .memory_data(gather_data), .valid(gather_valid), .address(gather_word),
      .first(gather_first), .phase(gather_phase), .banks(gather_banks), .entry(gather_entry), .mask(gather_mask),
      .last(gather_last), .last_channel(gather_last_channel));
  always_ff @(posedge clk) begin
    ahead <= ahead + 2'(gather_last) - 2'(step_done);
    ready <= ready + 2'(loads) - 2'(step_done);
    loaded_odd <= loaded_odd ^ loads;
    used_odd <= used_odd ^ step_done;
    in_beyond <= in_beyond + (AccelAddressBits + 2)'(in_arrives) - (gather_last ? {1'b0, in_more} : '0);
    if (launch) begin
      {ahead, ready, loaded_odd, used_odd} <= '0;
      in_beyond <= {1'b0, in_arrived} - {1'b0, in_first} + (AccelAddressBits + 2)'(in_arrives);
    end
  end

  assign read_address = gathers ? gather_word : scan_address;
  assign read_first = gathers ? gather_first : scan_value;
  assign read_phase = gathers ? gather_phase : 2'd0;

  // Bit i or element i: i cycles after the address.
  logic [6:1] valid, last;
  logic [7:1] last_channel;
  logic [5:1] first;
  logic [1:0] bias[1:5];
  logic [AccelBanks-1:0] banks[1:6];
  logic [4:0] entry[1:6];
  logic [4*AccelMaskAddressBits-1:0] masks;  // the newest lowest
  always_ff @(posedge clk) begin
    valid <= {valid[5:1], gathers ? gather_valid : scan_valid};
    last <= {last[5:1], gathers ? gather_last : scan_last};
    last_channel <= {last_channel[6:1], gathers && gather_last_channel};
    first <= {first[4:1], !gathers && scan_first};
    bias[1] <= gathers ? 2'd0 : scan_bias;
    banks[1] <= gather_banks;
    entry[1] <= gather_entry;
    masks <= {masks[3*AccelMaskAddressBits-1:0], gather_mask};
    for (int i = 2; i <= 5; i++) bias[i] <= bias[i-1];
    for (int i = 2; i <= 6; i++) banks[i] <= banks[i-1];
    for (int i = 2; i <= 6; i++) entry[i] <= entry[i-1];
    if (stop) valid <= '0;
  end
  assign mask_4 = masks[3*AccelMaskAddressBits+:AccelMaskAddressBits];
  assign valid_4 = valid[4];
  assign {valid_5, first_5, last_5, bias_5} = {valid[5], first[5], last[5], bias[5]};
  assign {valid_6, last_6, banks_6, entry_6} = {valid[6], last[6], banks[6], entry[6]};
  assign last_channel_7 = last_channel[7];
endmodule
