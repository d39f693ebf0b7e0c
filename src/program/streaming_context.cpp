#include "millrace/streaming_context.hpp"

#include <algorithm>
#include <mutex>

#include "millrace/detail/base/log.hpp"
#include "millrace/detail/engine/bad_records.hpp"
#include "millrace/detail/storage/file_system.hpp"
#include "millrace/error.hpp"
#include "millrace/socket.hpp"
#include "program/signals.hpp"
#include "streaming/listening.hpp"

namespace millrace {
/// What the handles share. The engine and its threads do not hold it: that they run does not keep a
/// program from letting its last handle go.
struct streaming_context::state_type {
  state_type(millrace::context over, std::chrono::milliseconds batch, bool take_signals)
      : context(std::move(over)),
        engine(std::make_shared<detail::stream_engine>(context.core(), batch)),
        end(std::make_shared<at_end>()),
        signals_wanted(take_signals) {
    engine->checkpoint(context.core()->conf().text("streaming.checkpoint.directory"));
  }

  ~state_type() {
    engine->stop(detail::stream_engine::ending::at_once);
    context.core()->events().flush();
  }

  /// What is left to do when the last batch has ended.
  struct at_end {
    std::unique_ptr<program::termination_signals> signals;
    std::atomic<bool> stop_context{false};
  };

  millrace::context context;
  detail::stream_engine_ptr engine;
  std::shared_ptr<at_end> end;
  bool signals_wanted;
  std::mutex mutex;  // guards the listeners
  std::vector<std::unique_ptr<detail::listening>> listeners;
};

streaming_context::streaming_context(const millrace::context& over, std::chrono::milliseconds batch)
    : state_(std::make_shared<state_type>(over, batch, true)) {
  core()->owner(state_);
}

streaming_context::streaming_context(streaming_context_options options)
    : state_(std::make_shared<state_type>(millrace::context({.name = std::move(options.name),
                                                             .master = std::move(options.master),
                                                             .conf = std::move(options.conf)}),
                                          options.batch, options.signals)) {
  core()->owner(state_);
  if (!options.checkpoint.empty()) checkpoint(std::move(options.checkpoint));
}

const millrace::context& streaming_context::context() const { return state_->context; }
const detail::stream_engine_ptr& streaming_context::core() const { return state_->engine; }

dstream<std::string_view> streaming_context::socket_text_stream(std::string host, int port) const {
  if (port < 1 || port > 65535) {
    throw usage_error("socket_text_stream: the port must be between 1 and 65535: " +
                      std::to_string(port));
  }
  return stream(socket::text{.host = std::move(host), .port = static_cast<std::uint16_t>(port)});
}

dstream<std::string_view> streaming_context::text_file_stream(std::string directory,
                                                              file_stream_options options) const {
  return dstream<std::string_view>(detail::text_directory(
      core(), detail::directory_of(std::move(directory), std::move(options))));
}

dstream<std::string_view> streaming_context::binary_records_stream(
    std::string directory, std::int64_t length, file_stream_options options) const {
  return dstream<std::string_view>(detail::record_directory(
      core(), detail::directory_of(std::move(directory), std::move(options)), length));
}

void streaming_context::remember(std::chrono::milliseconds at_least) const {
  core()->check_building("remember");
  if (at_least.count() < 0)
    throw usage_error(
        "remember: the time must not be negative: " + std::to_string(at_least.count()) + " ms");
  core()->graph().remember(at_least);
}

void streaming_context::checkpoint(std::string directory) const {
  core()->check_building("checkpoint");
  if (!directory.empty()) (void)detail::file_system_for(directory);
  core()->checkpoint(std::move(directory));
}

streaming_context streaming_context::get_or_create(
    std::string directory, streaming_context_options options,
    const std::function<void(streaming_context&)>& build) {
  if (build == nullptr)
    throw usage_error("get_or_create: there is no function that builds the graph");
  options.checkpoint = std::move(directory);
  streaming_context made(std::move(options));
  try {
    build(made);
  } catch (...) {
    made.stop();  // the graph's functions may hold the context that holds them
    throw;
  }
  return made;
}

void streaming_context::start() const {
  const auto end = state_->end;
  const bool first = core()->state() == detail::stream_engine::life::initialized;
  if (first && !core()->checkpoint().empty())
    context().core()->rejected().directory(core()->checkpoint() + "/dead_letters");
  if (first && state_->signals_wanted) {
    const bool graceful = context().core()->conf().boolean("streaming.stopGracefullyOnShutdown");
    end->signals =
        std::make_unique<program::termination_signals>([engine = std::weak_ptr(core()), graceful] {
          using ending = detail::stream_engine::ending;
          if (const auto running = engine.lock())
            running->stop(graceful ? ending::graceful : ending::at_once);
        });
  }
  try {
    core()->start([end, over = context()] {
      if (end->signals != nullptr) end->signals->restore();
      if (end->stop_context) over.stop();
    });
  } catch (...) {
    if (first && end->signals != nullptr) end->signals->restore();
    throw;
  }
}

void streaming_context::await_termination() const {
  core()->await();
  context().core()->events().flush();
}

bool streaming_context::await_termination_for(std::chrono::nanoseconds most) const {
  return core()->await_for(most);
}

void streaming_context::stop(stop_options how) const {
  using ending = detail::stream_engine::ending;
  // From one of the stream's own jobs the context is stopped when the last of them has ended.
  if (how.context) state_->end->stop_context = true;
  core()->stop(how.graceful ? ending::graceful : ending::at_once);
  if (state() != streaming_state::stopped) return;
  context().core()->events().flush();
  if (how.context) context().stop();
}

streaming_state streaming_context::state() const {
  switch (core()->state()) {
    case detail::stream_engine::life::initialized: return streaming_state::initialized;
    case detail::stream_engine::life::active: return streaming_state::active;
    case detail::stream_engine::life::stopped: break;
  }
  return streaming_state::stopped;
}

void streaming_context::add_listener(streaming_listener& listener) const {
  add_listener(std::shared_ptr<streaming_listener>(std::shared_ptr<void>(), &listener));
}

void streaming_context::add_listener(std::shared_ptr<streaming_listener> listener) const {
  const std::lock_guard lock(state_->mutex);
  state_->listeners.push_back(
      std::make_unique<detail::listening>(context().core()->events(), std::move(listener)));
}

void streaming_context::remove_listener(const streaming_listener& listener) const {
  std::unique_ptr<detail::listening> removed;  // outside of the lock: its end waits for a call
  const std::lock_guard lock(state_->mutex);
  auto& all = state_->listeners;
  const auto found =
      std::find_if(all.begin(), all.end(), [&](const auto& one) { return one->to() == &listener; });
  if (found == all.end()) return;
  removed = std::move(*found);
  all.erase(found);
}

void streaming_context::remove_listener(const std::shared_ptr<streaming_listener>& listener) const {
  if (listener != nullptr) remove_listener(*listener);
}

std::optional<streaming_context> streaming_context::active() {
  const detail::stream_engine_ptr engine = detail::stream_engine::active();
  auto state = engine == nullptr ? nullptr : std::static_pointer_cast<state_type>(engine->owner());
  if (state == nullptr || state->engine->state() != detail::stream_engine::life::active)
    return std::nullopt;
  return streaming_context(std::move(state));
}

}  // namespace millrace
