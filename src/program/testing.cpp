#include "millrace/testing.hpp"

#include <stdlib.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "millrace/error.hpp"
#include "program/make_engine.hpp"

namespace millrace::testing {

stream_fixture::stream_fixture(streaming_context_options options, batch_time now)
    : clock_(std::make_unique<detail::manual_clock>(now)),
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

program_fixture::program_fixture(streaming_context_options options,
                                 std::function<void(streaming_context&)> build)
    : options_(std::move(options)),
      build_(std::move(build)),
      temporary_(options_.checkpoint.empty()) {
  if (!temporary_) return;
  options_.checkpoint = (std::filesystem::temp_directory_path() / "millrace-XXXXXX").string();
  if (::mkdtemp(options_.checkpoint.data()) == nullptr)
    throw error("no temporary directory can be made (" + std::generic_category().message(errno) +
                "): " + options_.checkpoint);
}

program_fixture::~program_fixture() {
  life_.reset();
  std::error_code left;  // in a temporary directory, where whatever is left is swept some time
  if (temporary_) std::filesystem::remove_all(options_.checkpoint, left);
}

void program_fixture::advance(int batches) {
  try {
    if (!life_) {
      life_.reset(new stream_fixture(options_, now_));
      streaming_context program = life_->streaming();
      build_(program);
    }
    life_->advance(batches);
  } catch (...) {
    stop();
    throw;
  }
}

void program_fixture::crash() {
  if (life_) life_->streaming().core()->abandon();
  stop();
}

void program_fixture::stop() {
  if (life_) now_ = life_->now();
  life_.reset();
}

}  // namespace millrace::testing
