#include <algorithm>
#include <deque>
#include <mutex>
#include <utility>

#include "millrace/detail/base/log.hpp"
#include "millrace/detail/engine/bad_records.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "millrace/detail/streaming/receiving.hpp"
#include "millrace/detail/streaming/replay.hpp"
#include "millrace/detail/streaming/stream_engine.hpp"
#include "millrace/error.hpp"
#include "streaming/receiving/input_rate.hpp"
#include "streaming/receiving/joined_lines.hpp"
#include "streaming/receiving/logged_block.hpp"
#include "streaming/receiving/receiver_log.hpp"
#include "streaming/recovery/encoded.hpp"

namespace millrace::detail {

receiver_port::~receiver_port() = default;

namespace {

/// The input stream of one receiver, and the receiver's sink. With a write-ahead log all that is
/// stored goes there first, and a batch takes what is durable.
class receiver_stream_node final : public input_stream,
                                   private receiver_sink,
                                   private replayable_input {
 public:
  receiver_stream_node(facts f, std::unique_ptr<receiver_port> port)
      : input_stream(f),
        core_(f.engine->core()),
        owner_(f.engine),
        port_(std::move(port)),
        most_bytes_(core_->conf().size("streaming.receiver.maxBytes")),
        logging_(core_->conf().boolean("streaming.receiver.writeAheadLog.enable")),
        rate_(core_->conf(), f.engine->interval()) {}
  ~receiver_stream_node() override {
    close();
    if (log_ != nullptr) log_->close();
  }

  void open() override {
    core_->rejected().check(port_->bad_records(), port_->description());
    if (logging_) open_log();
    opened_ = true;
    running(true);
    port_->start(*this);
  }

  void close() noexcept override {
    if (!opened_.exchange(false)) return;
    if (log_ != nullptr) log_->release();
    port_->stop();
    try {
      cut();
    } catch (...) {
      fail(std::current_exception());
    }
    running(false);
  }

  bool receives() const override { return true; }
  void cut() override {
    port_->cut();
    if (log_ == nullptr) return;
    {
      const std::lock_guard lock(mutex_);
      end_text();
    }
    if (log_->try_again()) goes_on();
  }

  bool holds_records() override {
    const std::lock_guard lock(mutex_);
    return !waiting_.empty();
  }

  std::int64_t allocate(time_point_ms time) override {
    cut();
    // Where the disk is full this says so at once, and what is not durable waits for a later batch.
    if (log_ != nullptr) (void)log_->sync();
    const std::uint64_t durable = log_ == nullptr ? 0 : log_->durable();
    const std::lock_guard lock(mutex_);
    range_ = {log_name_, next_, {}};
    in_work now{time, 0, 0};
    while (!waiting_.empty()) {
      waiting_block& block = waiting_.front();
      if (log_ != nullptr) {
        if (next_ + block.entries > durable) break;
        next_ += block.entries;
        range_.blocks.push_back(block.entries);
      }
      give(std::move(block.content), now);
      waiting_.pop_front();
    }
    return begin(now);
  }

  void finished(const batch_outcome& batch) noexcept override {
    bool resume = false;
    {
      const std::lock_guard lock(mutex_);
      std::int64_t records = 0;
      // Almost always the first one.
      for (auto at = batches_.begin(); at != batches_.end(); ++at) {
        if (at->time != batch.time) continue;
        held_bytes_ -= at->bytes;
        records = at->records;
        batches_.erase(at);
        break;
      }
      rate_.batch_ended(batch, records);
      resume = paused_ && held_bytes_ < most_bytes_ && !(log_ != nullptr && log_->failing());
      if (resume) paused_ = false;
    }
    if (resume) port_->resume();
  }

  std::string description() const override { return port_->description(); }
  void keep_for_reading() override {}  // what was received lies in memory
  replayable_input* replay() override { return logging_ ? this : nullptr; }
  void clear() override {
    input_stream::clear();
    if (log_ != nullptr) log_->close();
  }

 protected:
  node_ptr compute(time_point_ms) override {
    // Allocated a moment ago, by the same thread.
    // A port gives either, always.
    if (!allocated_.empty() && allocated_.front().rows == nullptr) {
      std::vector<text_block> blocks;
      blocks.reserve(allocated_.size());
      for (received_block& block : allocated_) blocks.push_back(std::move(block.text));
      allocated_.clear();
      return from_text_blocks(core_, std::move(blocks));
    }
    std::vector<row_buffer_ptr> slices;
    slices.reserve(allocated_.size());
    for (received_block& block : allocated_) slices.push_back(std::move(block.rows));
    allocated_.clear();
    return from_rows(core_, rows(), std::move(slices));
  }

 private:
  // ---- the sink

  void store(received_block block) override {
    const std::lock_guard lock(mutex_);
    held_bytes_ += block.bytes;
    if (log_ == nullptr) {
      waiting_.push_back({std::move(block), 0});
      return;
    }
    (void)log_->append([&](byte_writer& to) { encode_entry(block, to); });
    if (block.rows != nullptr) {
      waiting_.push_back({std::move(block), 1});
    } else {
      if (text_.bytes() + block.text.text.size() + 2 > line_buffer::block_bytes) end_text();
      text_.add(block.text.text);
      ++text_entries_;
      text_records_ += block.records;
      text_bytes_ += block.bytes;
    }
    if (!log_->failing() || std::exchange(failure_said_, true)) return;
    const std::string what =
        port_->description() +
        ": nothing is received until the write-ahead log can be written again: " + log_->failure();
    log_warn(what);
    report(what);
  }

  bool logs() const override { return log_ != nullptr; }
  bool await_durable() override { return log_ == nullptr || log_->await(log_->next()); }

  bool pause(std::size_t not_stored) override {
    const std::lock_guard lock(mutex_);
    paused_ = held_bytes_ + not_stored >= most_bytes_ || (log_ != nullptr && log_->failing());
    return paused_;
  }

  bool counting() const override { return core_->events().wanted() || rate_.adapts(); }
  bool limited() const override { return rate_.limited(); }
  std::chrono::nanoseconds throttle(std::int64_t records) override {
    const std::lock_guard lock(mutex_);
    return pace_.take(records, rate_.limit(), std::chrono::steady_clock::now());
  }

  void running(bool yes) noexcept override {
    if (running_.exchange(yes) == yes) return;
    publish(yes ? event::kind::receiver_started : event::kind::receiver_stopped,
            port_->description());
  }

  void report(std::string text) noexcept override {
    publish(event::kind::receiver_error, std::move(text));
  }

  void reject(on_bad_record policy, const bad_record& what) override {
    core_->rejected().reject(policy, what, {id(), -1});
  }

  void fail(std::exception_ptr why) noexcept override {
    report(describe(why));
    if (const stream_engine_ptr owner = owner_.lock())
      owner->fail(std::move(why), port_->description());
  }

  // ---- batches that are read again

  std::string range_signature() const override {
    return "receiver's log of " + signature_of(rows());
  }
  void write_range(byte_writer& to) const override { encode(range_, to); }
  std::int64_t allocate_again(time_point_ms time, std::string_view range) override {
    range_ = decode<receiver_range>(range);
    in_work now{time, 0, 0};
    const std::lock_guard lock(mutex_);
    std::uint64_t entry = range_.first;
    for (const std::uint32_t entries : range_.blocks) {
      received_block block = read_block(entry, entries);
      entry += entries;
      held_bytes_ += block.bytes;
      give(std::move(block), now);
    }
    return begin(now);
  }
  void write_position(byte_writer& to) const override {
    encode(receiver_position{log_name_, next_}, to);
  }
  void resume(std::string_view position, std::span<const std::string_view> since) override {
    if (!position.empty()) {
      receiver_position last = decode<receiver_position>(position);
      next_ = whole_from_ = last.next;
      log_name_ = std::move(last.log);
    }
    if (!since.empty()) {
      receiver_range last = decode<receiver_range>(since.back());
      next_ = last.end();
      log_name_ = std::move(last.log);
    }
    resumed_ = true;
  }
  void checkpointed(std::string_view position, std::span<const std::string_view> parked) override {
    if (position.empty()) return;
    const auto oldest = decode<receiver_position>(position);
    if (oldest.log != log_name_ || log_ == nullptr) return;
    std::vector<receiver_log::entries> needed;
    for (const std::string_view range : parked) {
      const auto one = decode<receiver_range>(range);
      if (one.log == log_name_) needed.push_back({one.first, one.end()});
    }
    log_->free(oldest.next, needed);
  }

  void open_log() {
    const stream_engine_ptr owner = owner_.lock();
    if (owner->checkpoint().empty())
      throw usage_error(
          "streaming.receiver.writeAheadLog.enable needs a checkpoint directory: its batches are "
          "what the log is for. Receiver: " +
          port_->description());
    if (log_name_.empty()) log_name_ = name() + "-" + std::to_string(id());
    std::replace_if(
        log_name_.begin(), log_name_.end(), [](char c) { return c == '/' || c == '\0'; }, '_');
    receiver_log::options o;
    o.files = &owner->checkpoint_files();
    o.directory = owner->checkpoint() + "/received/" + log_name_;
    o.signature = signature_of(rows());
    o.check_owner = owner->checkpoint_owner_check();
    log_ = std::make_unique<receiver_log>(std::move(o), next_, whole_from_);
    if (!resumed_) next_ = log_->first();
    // What arrived and no batch was to read: the next one does.
    const std::lock_guard lock(mutex_);
    for (std::uint64_t entry = next_; entry < log_->next(); ++entry) {
      waiting_.push_back({read_block(entry, 1), 1});
      held_bytes_ += waiting_.back().content.bytes;
    }
  }

  received_block read_block(std::uint64_t first, std::uint32_t entries) const {
    std::vector<std::string> pieces;
    for (std::uint32_t i = 0; i < entries; ++i) pieces.push_back(log_->read(first + i));
    return block_of(rows(), pieces);
  }

  /// The disk has room again.
  void goes_on() {
    bool resume = false;
    {
      const std::lock_guard lock(mutex_);
      failure_said_ = false;
      resume = std::exchange(paused_, held_bytes_ >= most_bytes_) && !paused_;
    }
    log_warn(port_->description() + ": the write-ahead log can be written again");
    if (resume) port_->resume();
  }

  /// The pieces of text so far make a block. REQUIRES: the lock.
  void end_text() {
    if (text_entries_ == 0) return;
    received_block block;
    block.text = std::move(text_.take().front());
    block.records = counting() ? text_records_ : -1;
    block.bytes = std::exchange(text_bytes_, 0);
    waiting_.push_back({std::move(block), std::exchange(text_entries_, 0)});
    text_records_ = 0;
    text_ = {};
  }

  struct in_work {
    time_point_ms time;
    std::size_t bytes;
    std::int64_t records;
  };
  /// The block belongs to the batch. REQUIRES: the lock.
  void give(received_block block, in_work& to) {
    to.bytes += block.bytes;
    if (block.records > 0) to.records += block.records;
    allocated_.push_back(std::move(block));
  }
  /// REQUIRES: the lock.
  std::int64_t begin(const in_work& now) {
    if (now.bytes != 0) batches_.push_back(now);
    return now.records;
  }

  void publish(event::kind what, std::string text) noexcept {
    if (!core_->events().wanted()) return;
    event e{.what = what};
    e.stream = id();
    e.text = std::move(text);
    core_->events().publish(std::move(e));
  }

  struct waiting_block {
    received_block content;
    std::uint32_t entries;  // of the log
  };

  std::shared_ptr<millrace::detail::engine> core_;
  std::weak_ptr<stream_engine> owner_;
  std::unique_ptr<receiver_port> port_;
  std::size_t most_bytes_;
  bool logging_;
  std::atomic<bool> opened_{false};
  std::atomic<bool> running_{false};

  // The generating thread's, or of whoever starts the stream.
  std::vector<received_block> allocated_;  // to the batch that is being generated
  receiver_range range_;                   // of that batch
  std::string log_name_;
  std::uint64_t next_ = 1;        // entry that no batch has
  std::uint64_t whole_from_ = 1;  // what is before may be gone but for what parked batches read
  bool resumed_ = false;

  std::unique_ptr<receiver_log> log_;  // null: none; made when the stream starts

  std::mutex mutex_;  // guards what follows
  std::deque<waiting_block> waiting_;
  joined_lines text_;  // of the block that is not ended; with a log alone
  std::uint32_t text_entries_ = 0;
  std::int64_t text_records_ = 0;
  std::size_t text_bytes_ = 0;
  bool failure_said_ = false;
  std::deque<in_work> batches_;  // that have not finished
  std::size_t held_bytes_ = 0;   // of all that waits or is in work
  bool paused_ = false;
  input_rate rate_;
  rate_pace pace_;
};

}  // namespace

stream_ptr receiver_stream(const stream_engine_ptr& engine, const row_type& rows,
                           std::unique_ptr<receiver_port> port) {
  auto input = std::make_shared<receiver_stream_node>(
      stream_node::facts{engine, &rows, "receiver_stream", {}}, std::move(port));
  engine->graph().add_input(input);
  return input;
}

}  // namespace millrace::detail
