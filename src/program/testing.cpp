#include "millrace/testing.hpp"

#include "millrace/error.hpp"
#include "program/master.hpp"

namespace millrace::testing {
namespace {

millrace::context context_on(detail::clock& time, const streaming_context_options& options) {
  const program::master where = program::parse_master(options.master);
  detail::engine::options o;
  o.name = options.name;
  o.threads = where.threads;
  o.max_failures = where.max_failures;
  o.conf = detail::settings(options.conf);
  o.time = &time;
  return millrace::context(std::make_shared<detail::engine>(std::move(o)));
}

}  // namespace

stream_fixture::stream_fixture(streaming_context_options options)
    : clock_(std::make_unique<detail::manual_clock>()),
      streaming_(context_on(*clock_, options), options.batch) {}

stream_fixture::~stream_fixture() { streaming_.stop(); }

batch_time stream_fixture::now() const { return clock_->now(); }

void stream_fixture::run() {
  std::size_t most = 0;
  for (const fed_input& input : inputs_) most = std::max(most, input.queue->size());
  advance(static_cast<int>(most));
}

void stream_fixture::advance(int batches) {
  detail::stream_engine& engine = *streaming_.core();
  if (engine.state() == detail::stream_engine::life::initialized) engine.start_stepped();
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
