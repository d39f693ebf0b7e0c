#include "streaming/receiving/receiver_supervisor.hpp"

#include <cxxabi.h>

#include <cstdlib>
#include <typeinfo>

#include "millrace/detail/base/log.hpp"
#include "millrace/detail/streaming/stream_engine.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

using namespace std::chrono_literals;

/// How long a stream that stops waits for `on_stop`, as Spark does.
constexpr auto stop_patience = 10s;
/// A block is cut at this size, whatever the time.
constexpr std::size_t block_bytes = std::size_t{4} << 20;

std::string name_of_type(const std::type_info& type) {
  int failed = 0;
  char* const readable = abi::__cxa_demangle(type.name(), nullptr, nullptr, &failed);
  std::string name = failed == 0 ? readable : type.name();
  std::free(readable);
  const std::string_view unnamed = "(anonymous namespace)::";
  for (auto at = name.find(unnamed); at != std::string::npos; at = name.find(unnamed))
    name.erase(at, unnamed.size());
  return name;
}

}  // namespace

receiver_supervisor::receiver_supervisor(std::shared_ptr<receiver_base> of, options o)
    : receiver_(std::move(of)), rows_(*receiver_->rows_), options_(o) {
  description_ = receiver_->description() + " [" + std::to_string(o.stream_id) + "]";
}

void receiver_supervisor::start(receiver_sink& to) {
  to_ = &to;
  receiver_->supervisor_ = shared_from_this();
  thread_ = std::thread([self = shared_from_this()] { self->run(); });
}

void receiver_supervisor::run() {
  lock_type lock(mutex_);
  while (!closing_ && !stop_) {
    started_ = true;
    if (!abandoned_) to_->running(true);
    call(&receiver_base::on_start, "on_start", lock);
    changed_.wait(lock, [this] { return closing_ || stop_ || restart_; });
    started_ = false;
    room_.notify_all();
    call(&receiver_base::on_stop, "on_stop", lock);
    if (!abandoned_) to_->running(false);
    if (const auto delay = std::exchange(restart_, std::nullopt))
      changed_.wait_for(lock, *delay, [this] { return closing_ || stop_; });
  }
  ended_ = true;
  changed_.notify_all();
  if (!abandoned_) return;  // else whoever closes lets go of the receiver, which holds us
  const std::shared_ptr<receiver_base> last = std::move(receiver_);
  lock.unlock();
}

/// Calls the receiver without the lock. A failure to start is a reason to start again.
void receiver_supervisor::call(void (receiver_base::*what)(), const char* name, lock_type& lock) {
  lock.unlock();
  std::string failure;
  try {
    (*receiver_.*what)();
  } catch (...) {
    failure = describe(std::current_exception());
  }
  lock.lock();
  if (failure.empty()) return;
  report_locked(std::string(name) + " failed: " + failure);
  if (what != &receiver_base::on_start || restart_) return;
  restart_ = options_.restart_delay;
  started_ = false;
}

void receiver_supervisor::close() noexcept {
  lock_type lock(mutex_);
  closing_ = true;
  started_ = false;
  changed_.notify_all();
  room_.notify_all();
  if (!thread_.joinable()) return;
  // From `on_start` or `on_stop` itself: the thread ends when that returns.
  const bool own = thread_.get_id() == std::this_thread::get_id();
  if (!own && changed_.wait_for(lock, stop_patience, [this] { return ended_; })) {
    lock.unlock();
    thread_.join();
    receiver_.reset();
    return;
  }
  if (!own) log_warn("the receiver " + description_ + " did not stop in time; going on without it");
  abandoned_ = true;
  thread_.detach();
}

void receiver_supervisor::cut() {
  const lock_type lock(mutex_);
  if (to_ != nullptr) cut_locked();
}

void receiver_supervisor::cut_locked() {
  if (building_ == nullptr) return;
  received_block block;
  block.records = static_cast<std::int64_t>(building_->size());
  block.bytes = std::exchange(building_bytes_, 0);
  block.rows = std::exchange(building_, nullptr);
  to_->store(std::move(block));
}

void receiver_supervisor::resume() noexcept {
  const lock_type lock(mutex_);
  paused_ = false;
  room_.notify_all();
}

/// False: stopped.
bool receiver_supervisor::wait_for_room(lock_type& lock) {
  room_.wait(lock, [this] { return !started_ || !paused_; });
  return started_;
}

void receiver_supervisor::wait(lock_type& lock, std::chrono::nanoseconds at_least) {
  if (at_least.count() > 0) room_.wait_for(lock, at_least, [this] { return !started_; });
}

/// What rows hold, whatever their type: as much as they are long when encoded, if that is not plain
/// to see.
std::size_t receiver_supervisor::bytes_of(const row_buffer& rows, std::size_t from) {
  const std::size_t flat = (rows.size() - from) * rows_.size;
  if (rows_.trivial && !rows_.holds_views) return flat;
  measure_.clear();
  for (std::size_t i = from; i < rows.size(); ++i) encode_row(rows_, rows.row(i), measure_);
  return flat + measure_.size();
}

bool receiver_supervisor::store_row(void* row, bool movable) {
  lock_type lock(mutex_);
  if (!wait_for_room(lock)) return false;
  if (building_ == nullptr) building_ = std::make_shared<row_buffer>(rows_);
  building_->append({row, 1, movable});
  building_bytes_ += bytes_of(*building_, building_->size() - 1);
  if (building_bytes_ >= block_bytes) cut_locked();
  paused_ = to_->pause(building_bytes_);
  if (to_->limited()) wait(lock, to_->throttle(1));
  return true;
}

bool receiver_supervisor::store_block(row_buffer rows) {
  lock_type lock(mutex_);
  if (!wait_for_room(lock)) return false;
  if (rows.empty()) return true;
  cut_locked();  // what was stored before comes before
  building_bytes_ = bytes_of(rows, 0);
  building_ = std::make_shared<row_buffer>(std::move(rows));
  cut_locked();
  paused_ = to_->pause(0);
  if (abandoned_ || !to_->logs()) return true;
  lock.unlock();  // the clock's thread is to get on, and makes the log go on
  return to_->await_durable();
}

void receiver_supervisor::report(std::string text) noexcept {
  const lock_type lock(mutex_);
  report_locked(std::move(text));
}

bool receiver_supervisor::reject(on_bad_record policy, bad_record what) {
  const lock_type lock(mutex_);
  if (abandoned_) return false;
  if (what.source.empty()) what.source = description_;
  try {
    to_->reject(policy, what);
    return true;
  } catch (...) {
    to_->fail(std::current_exception());
    return false;
  }
}

void receiver_supervisor::report_locked(std::string text) noexcept {
  log_warn(description_ + ": " + text);
  if (!abandoned_) to_->report(std::move(text));
}

void receiver_supervisor::restart(std::string text,
                                  std::optional<std::chrono::milliseconds> delay) {
  if (delay && delay->count() < 0)
    throw usage_error("restart: the delay must not be negative: " + std::to_string(delay->count()) +
                      " ms");
  const lock_type lock(mutex_);
  report_locked(std::move(text));
  if (!started_) return;  // it begins again already, or never will
  restart_ = delay.value_or(options_.restart_delay);
  started_ = false;
  changed_.notify_all();
  room_.notify_all();
}

void receiver_supervisor::stop(std::string text) {
  const lock_type lock(mutex_);
  report_locked(std::move(text));
  stop_ = true;
  started_ = false;
  changed_.notify_all();
  room_.notify_all();
}

void receiver_supervisor::fail(std::exception_ptr why) noexcept {
  const lock_type lock(mutex_);
  if (!abandoned_) to_->fail(std::move(why));
}

bool receiver_supervisor::is_started() const {
  const lock_type lock(mutex_);
  return started_;
}

// ---- what the receiver sees

receiver_base::~receiver_base() = default;

receiver_supervisor& receiver_base::supervisor(const char* what) const {
  if (supervisor_ != nullptr) return *supervisor_;
  throw usage_error(std::string(what) +
                    ": this receiver has not been started; it is once its stream's context is");
}

void receiver_base::report_error(std::string text) const {
  supervisor("report_error").report(std::move(text));
}
void receiver_base::report_error(std::string text, const std::exception& why) const {
  supervisor("report_error").report(std::move(text) + ": " + describe(why));
}
bool receiver_base::reject(on_bad_record policy, const bad_record& what) const {
  return supervisor("reject").reject(policy, what);
}
void receiver_base::restart(std::string text) const {
  supervisor("restart").restart(std::move(text), std::nullopt);
}
void receiver_base::restart(std::string text, std::chrono::milliseconds delay) const {
  supervisor("restart").restart(std::move(text), delay);
}
void receiver_base::stop(std::string text) const { supervisor("stop").stop(std::move(text)); }
bool receiver_base::is_started() const {
  return supervisor_ != nullptr && supervisor_->is_started();
}
void receiver_base::fail(std::exception_ptr why) const { supervisor("fail").fail(std::move(why)); }
std::string receiver_base::description() const { return name_of_type(typeid(*this)); }
int receiver_base::stream_id() const { return supervisor("stream_id").stream_id(); }
bool receiver_base::store_row(void* row, bool movable) const {
  return supervisor("store").store_row(row, movable);
}
bool receiver_base::store_block(row_buffer rows) const {
  return supervisor("store_all").store_block(std::move(rows));
}

// ---- the port

namespace {

class user_receiver final : public receiver_port {
 public:
  explicit user_receiver(std::shared_ptr<receiver_supervisor> all) : all_(std::move(all)) {}
  ~user_receiver() override { stop(); }

  void start(receiver_sink& to) override { all_->start(to); }
  void stop() noexcept override { all_->close(); }
  void cut() override { all_->cut(); }
  void resume() noexcept override { all_->resume(); }
  std::string description() const override { return all_->description(); }
  on_bad_record bad_records() const override { return all_->bad_records(); }

 private:
  std::shared_ptr<receiver_supervisor> all_;
};

}  // namespace

stream_ptr receiver_stream(const stream_engine_ptr& engine, const row_type& rows,
                           std::shared_ptr<receiver_base> receiver) {
  if (receiver == nullptr) throw usage_error("receiver_stream: there is no receiver");
  engine->check_building("receiver_stream");
  const receiver_supervisor::options o{
      engine->graph().coming_input_id(),
      std::chrono::ceil<std::chrono::milliseconds>(
          engine->core()->conf().duration("streaming.receiverRestartDelay"))};
  return receiver_stream(engine, rows,
                         std::make_unique<user_receiver>(
                             std::make_shared<receiver_supervisor>(std::move(receiver), o)));
}

}  // namespace millrace::detail
