#include <deque>
#include <mutex>

#include "millrace/detail/engine/bad_records.hpp"
#include "millrace/detail/streaming/receiving.hpp"
#include "millrace/detail/streaming/stream_engine.hpp"
#include "streaming/receiving/input_rate.hpp"

namespace millrace::detail {

receiver_port::~receiver_port() = default;

namespace {

/// The input stream of one receiver, and the receiver's sink.
class receiver_stream_node final : public input_stream, private receiver_sink {
 public:
  receiver_stream_node(facts f, std::unique_ptr<receiver_port> port)
      : input_stream(f),
        core_(f.engine->core()),
        owner_(f.engine),
        port_(std::move(port)),
        most_bytes_(core_->conf().size("streaming.receiver.maxBytes")),
        rate_(core_->conf(), f.engine->interval()) {}
  ~receiver_stream_node() override { close(); }

  void open() override {
    core_->rejected().check(port_->bad_records(), port_->description());
    opened_ = true;
    running(true);
    port_->start(*this);
  }

  void close() noexcept override {
    if (!opened_.exchange(false)) return;
    port_->stop();
    try {
      port_->cut();
    } catch (...) {
      fail(std::current_exception());
    }
    running(false);
  }

  bool receives() const override { return true; }
  void cut() override { port_->cut(); }

  bool holds_records() override {
    const std::lock_guard lock(mutex_);
    return !waiting_.empty();
  }

  std::int64_t allocate(time_point_ms time) override {
    port_->cut();
    const std::lock_guard lock(mutex_);
    allocated_.swap(waiting_);
    waiting_.clear();
    std::int64_t records = 0;
    for (const received_block& block : allocated_)
      if (block.records > 0) records += block.records;
    if (waiting_bytes_ != 0) batches_.push_back({time, waiting_bytes_, records});
    waiting_bytes_ = 0;
    return records;
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
      resume = paused_ && held_bytes_ < most_bytes_;
      if (resume) paused_ = false;
    }
    if (resume) port_->resume();
  }

  std::string description() const override { return port_->description(); }
  void keep_for_reading() override {}  // what was received lies in memory

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
  void store(received_block block) override {
    const std::lock_guard lock(mutex_);
    held_bytes_ += block.bytes;
    waiting_bytes_ += block.bytes;
    waiting_.push_back(std::move(block));
  }

  bool pause(std::size_t not_stored) override {
    const std::lock_guard lock(mutex_);
    paused_ = held_bytes_ + not_stored >= most_bytes_;
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

  void publish(event::kind what, std::string text) noexcept {
    if (!core_->events().wanted()) return;
    event e{.what = what};
    e.stream = id();
    e.text = std::move(text);
    core_->events().publish(std::move(e));
  }

  struct in_work {
    time_point_ms time;
    std::size_t bytes;
    std::int64_t records;
  };

  std::shared_ptr<millrace::detail::engine> core_;
  std::weak_ptr<stream_engine> owner_;
  std::unique_ptr<receiver_port> port_;
  std::size_t most_bytes_;
  std::atomic<bool> opened_{false};
  std::atomic<bool> running_{false};

  std::vector<received_block> allocated_;  // of the batch that is being generated

  std::mutex mutex_;  // guards what follows
  std::vector<received_block> waiting_;
  std::size_t waiting_bytes_ = 0;
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
