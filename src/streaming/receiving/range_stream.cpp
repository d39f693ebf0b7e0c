// Replayable sources: what a batch reads is named when it is made.
#include <deque>
#include <mutex>

#include "millrace/detail/dataset/row_buffer.hpp"
#include "millrace/detail/engine/bad_records.hpp"
#include "millrace/detail/streaming/replay.hpp"
#include "millrace/detail/streaming/stream_engine.hpp"
#include "millrace/error.hpp"
#include "millrace/source.hpp"
#include "streaming/listening.hpp"
#include "streaming/receiving/input_rate.hpp"

namespace millrace::detail {
namespace {

/// A range from bytes, with the text that it views.
function_state decode_range(const row_type& type, std::string_view bytes) {
  auto one = std::make_shared<row_buffer>(type);
  byte_reader in(bytes);
  decode_row(type, one->place(), in, one->texts());
  one->added();
  if (in.remaining() != 0)
    throw error("the range of a batch holds more than a range, in bytes: " +
                std::to_string(in.remaining()));
  return {one, one->row(0)};
}

class range_stream_node final : public input_stream, public replayable_input {
 public:
  range_stream_node(facts f, range_functions functions)
      : input_stream(f),
        core_(f.engine->core()),
        functions_(std::make_shared<const range_functions>(std::move(functions))),
        interval_(f.engine->interval()),
        rate_(core_->conf(), interval_) {}

  void open() override {
    core_->rejected().check(functions_->bad_records, description());
    if (functions_->start != nullptr) functions_->start(functions_->driver.get());
  }

  void close() noexcept override {
    if (functions_->stop != nullptr) functions_->stop(functions_->driver.get());
  }

  std::int64_t allocate(time_point_ms time) override {
    batch_limits limits{time, interval_};
    {
      const std::lock_guard lock(mutex_);
      if (rate_.limited()) limits.max_records = rate_.batch_limit();
    }
    range_ = newest_ = functions_->next(functions_->driver.get(), limits);
    if (functions_->measured != nullptr && core_->events().wanted())
      publish_measured(core_->events(), functions_->measured(functions_->driver.get()),
                       time.time_since_epoch().count(), id());
    return count(time);
  }

  replayable_input* replay() override { return this; }
  std::string range_signature() const override { return signature_of(*functions_->range); }

  void write_range(byte_writer& to) const override {
    encode_row(*functions_->range, newest_.get(), to);
  }
  std::int64_t allocate_again(time_point_ms time, std::string_view range) override {
    range_ = decode_range(*functions_->range, range);
    return count(time);
  }
  void write_position(byte_writer& to) const override {
    if (newest_ != nullptr) write_range(to);
  }
  void resume(std::string_view position, std::span<const std::string_view> since) override {
    const std::string_view last = since.empty() ? position : since.back();
    if (last.empty()) return;
    newest_ = decode_range(*functions_->range, last);
    if (functions_->resume != nullptr) functions_->resume(functions_->driver.get(), newest_.get());
  }
  void committed(time_point_ms, std::string_view range) override {
    if (functions_->committed == nullptr) return;
    functions_->committed(functions_->driver.get(), decode_range(*functions_->range, range).get());
  }

  void finished(const batch_outcome& batch) noexcept override {
    if (!rate_.adapts()) return;
    const std::lock_guard lock(mutex_);
    for (auto at = batches_.begin(); at != batches_.end(); ++at) {
      if (at->first != batch.time) continue;
      rate_.batch_ended(batch, at->second);
      batches_.erase(at);
      return;
    }
  }

 protected:
  node_ptr compute(time_point_ms time) override {
    // Named a moment ago, by the same thread.
    if (range_ == nullptr) {
      throw error(name() + ": what the batch read is not known any more: " +
                  std::to_string(time.time_since_epoch().count()) + " ms");
    }
    return range_dataset(core_, rows(), functions_, std::exchange(range_, nullptr));
  }

 private:
  /// The records of the range that was named.
  std::int64_t count(time_point_ms time) {
    const std::int64_t records = functions_->records(functions_->reader.get(), range_.get());
    if (rate_.adapts() && records > 0) {
      const std::lock_guard lock(mutex_);
      batches_.push_back({time, records});
    }
    return records;
  }

  std::shared_ptr<millrace::detail::engine> core_;
  std::shared_ptr<const range_functions> functions_;
  std::chrono::milliseconds interval_;
  function_state range_;   // of the batch that is being generated
  function_state newest_;  // that `next` named

  std::mutex mutex_;  // guards what follows
  input_rate rate_;
  std::deque<std::pair<time_point_ms, std::int64_t>> batches_;  // that have not finished
};

}  // namespace

stream_ptr range_stream(const stream_engine_ptr& engine, const row_type& rows, range_functions f) {
  auto input = std::make_shared<range_stream_node>(stream_node::facts{engine, &rows, "stream", {}},
                                                   std::move(f));
  engine->graph().add_input(input);
  return input;
}

}  // namespace millrace::detail
