#include <condition_variable>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

#include "millrace/detail/base/events.hpp"
#include "millrace/detail/base/log.hpp"
#include "millrace/error.hpp"

namespace millrace::detail {
namespace {

constexpr std::size_t most_waiting = 65536;

}  // namespace

struct event_bus::subscription::state {
  std::weak_ptr<event_bus::shared> bus;
  std::shared_ptr<void> self;
  deliver_function deliver = nullptr;
  std::uint64_t from = 0;  // the first event of this subscriber, counted as `published`

  std::mutex calling;  // held during a call, and to wait for one
  std::atomic<bool> ended{false};

  std::mutex failure_mutex;
  std::string failure;

  void call(const event& happened) noexcept {
    const std::lock_guard lock{calling};
    if (ended) return;
    try {
      deliver(self.get(), happened);
    } catch (...) {
      keep(std::current_exception());
    }
  }

  void keep(const std::exception_ptr& thrown) noexcept {
    try {
      std::string text = describe(thrown);
      {
        const std::lock_guard lock{failure_mutex};
        if (!failure.empty()) return;
        failure = text.empty() ? "an exception without a text" : text;
      }
      log_error("a subscriber to events failed and goes on receiving; said once: " + text);
    } catch (...) {  // no memory to say it
    }
  }
};

struct event_bus::shared {
  using subscriber = std::shared_ptr<event_bus::subscription::state>;

  std::atomic<int> listeners{0};

  std::mutex mutex;  // guards the rest
  std::condition_variable work;
  std::condition_variable room;
  std::condition_variable progress;
  std::deque<event> waiting;
  std::uint64_t published = 0;
  std::uint64_t delivered = 0;
  std::vector<subscriber> subscribers;
  bool stopping = false;
  std::thread server;  // starts with the first subscriber

  [[nodiscard]] bool on_server() const { return std::this_thread::get_id() == server.get_id(); }

  void serve() {
    std::vector<subscriber> to;  // the server's own, so that a call holds no lock of the bus
    std::unique_lock lock{mutex};
    for (;;) {
      work.wait(lock, [&] { return stopping || !waiting.empty(); });
      if (waiting.empty()) return;
      const event happened = std::move(waiting.front());
      waiting.pop_front();
      const std::uint64_t number = delivered;
      for (const subscriber& one : subscribers) {
        if (one->from <= number) to.push_back(one);
      }
      if (waiting.size() + 1 == most_waiting) room.notify_all();
      lock.unlock();

      for (const subscriber& one : to) one->call(happened);
      to.clear();

      lock.lock();
      ++delivered;
      progress.notify_all();
    }
  }
};

event_bus::subscription& event_bus::subscription::operator=(subscription&& other) noexcept {
  if (this != &other) {
    end();
    state_ = std::move(other.state_);
  }
  return *this;
}

void event_bus::subscription::end() noexcept {
  if (!state_ || state_->ended.exchange(true)) return;
  const auto bus = state_->bus.lock();
  bool on_server = false;
  if (bus) {
    const std::lock_guard lock{bus->mutex};
    std::erase(bus->subscribers, state_);
    --bus->listeners;
    on_server = bus->on_server();
  }
  if (!on_server) const std::lock_guard wait_for_the_running_call{state_->calling};
}

std::string event_bus::subscription::failure() const {
  if (!state_) return {};
  const std::lock_guard lock{state_->failure_mutex};
  return state_->failure;
}

event_bus::event_bus() : shared_{std::make_shared<shared>()}, listeners_{&shared_->listeners} {}

event_bus::~event_bus() {
  {
    const std::lock_guard lock{shared_->mutex};
    shared_->stopping = true;
  }
  shared_->work.notify_one();
  if (shared_->server.joinable()) shared_->server.join();
}

void event_bus::enqueue(event happened) {
  if (happened.time.time_since_epoch().count() == 0) {
    happened.time = std::chrono::floor<std::chrono::microseconds>(std::chrono::system_clock::now());
  }
  std::unique_lock lock{shared_->mutex};
  if (!shared_->on_server()) {
    shared_->room.wait(lock, [&] { return shared_->waiting.size() < most_waiting; });
  }
  shared_->waiting.push_back(std::move(happened));
  ++shared_->published;
  lock.unlock();
  shared_->work.notify_one();
}

event_bus::subscription event_bus::add(std::shared_ptr<void> self, deliver_function deliver) {
  auto state = std::make_shared<subscription::state>();
  state->bus = shared_;
  state->self = std::move(self);
  state->deliver = deliver;

  const std::lock_guard lock{shared_->mutex};
  state->from = shared_->published;
  shared_->subscribers.push_back(state);
  if (!shared_->server.joinable()) {
    shared_->server = std::thread{[bus = shared_.get()] { bus->serve(); }};
  }
  ++shared_->listeners;
  return subscription{std::move(state)};
}

void event_bus::flush() {
  std::unique_lock lock{shared_->mutex};
  if (shared_->on_server()) return;
  const std::uint64_t target = shared_->published;
  shared_->progress.wait(lock, [&] { return shared_->delivered >= target; });
}

}  // namespace millrace::detail
