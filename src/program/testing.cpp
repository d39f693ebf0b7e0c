#include "millrace/testing.hpp"

#include <algorithm>

#include "millrace/error.hpp"
#include "program/make_engine.hpp"

namespace millrace::testing {

stream_fixture::stream_fixture(streaming_context_options options)
    : clock_(std::make_unique<detail::manual_clock>()),
      streaming_(millrace::context(program::make_engine(
                     {.name = options.name, .master = options.master, .conf = options.conf},
                     clock_.get())),
                 options.batch) {
  if (!options.checkpoint.empty()) streaming_.checkpoint(options.checkpoint);
}

stream_fixture::~stream_fixture() { streaming_.stop(); }

batch_time stream_fixture::now() const { return clock_->now(); }

void stream_fixture::run() {
  std::size_t most = 0;
  for (const fed_input& input : inputs_) most = std::max(most, input.queue->size());
  advance(static_cast<int>(most));
}

void stream_fixture::advance(int batches) {
  detail::stream_engine& engine = *streaming_.core();
  if (engine.state() == detail::stream_engine::life::initialized)
    clock_->set(std::max(clock_->now(), engine.start_stepped()));
  for (int i = 0; i < batches; ++i) {
    clock_->advance(engine.interval());
    engine.step(clock_->now());
  }
}

detail::dataset_queue& stream_fixture::queue_of(const detail::stream_ptr& stream) {
  for (const fed_input& input : inputs_)
    if (input.stream == stream.get()) return *input.queue;
  throw usage_error("feed: this stream is no input of this fixture");
}

}  // namespace millrace::testing
