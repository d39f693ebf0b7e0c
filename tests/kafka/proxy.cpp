#include "proxy.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <deque>
#include <list>
#include <mutex>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

namespace millrace::testing {
namespace {

using clock = std::chrono::steady_clock;
using namespace std::chrono_literals;

sockaddr_in loopback(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return address;
}

int new_socket() { return ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0); }

/// One direction of a connection.
struct half {
  struct piece {
    clock::time_point due;
    std::string bytes;
  };
  int from = -1;
  int to = -1;
  bool to_broker = false;
  std::deque<piece> held{};
  std::size_t passed = 0;
  bool ended = false;       // nothing more comes
  bool told_ended = false;  // and the other side knows
};

struct connection {
  int client;
  int broker;
  std::array<half, 2> halves;
  bool dead = false;
};

}  // namespace

struct tcp_proxy::state {
  int listener = -1;
  int bell = -1;  // eventfd: something was asked for
  std::uint16_t port = 0;
  std::atomic<bool> over{false};
  std::atomic<int> cuts{0};
  std::atomic<std::int64_t> answered{0};
  std::mutex mutex;  // guards what follows, up to the thread
  std::uint16_t target = 0;
  std::chrono::milliseconds delay{0};
  std::array<std::size_t, 2> most{0, 0};  // to the broker, back
  bool swallowing = false;
  bool cut_now = false;
  bool end_now = false;
  std::list<connection> all;  // the thread's alone
  std::thread thread;

  void ring() const {
    const std::uint64_t one = 1;
    if (::write(bell, &one, sizeof one) < 0) std::terminate();
  }

  void accept_one() {
    const int client = ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC);
    if (client < 0) return;
    const int broker = new_socket();
    const sockaddr_in to = loopback(target);
    // On this machine it answers at once.
    if (target == 0 || ::connect(broker, reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0) {
      ::close(client);
      ::close(broker);
      return;
    }
    for (const int one : {client, broker}) ::fcntl(one, F_SETFL, O_NONBLOCK);
    connection c{client, broker, {}};
    c.halves[0] = {client, broker, true};
    c.halves[1] = {broker, client, false};
    all.push_back(std::move(c));
  }

  void read(half& h) {
    std::array<char, 65536> buffer{};
    const ssize_t n = ::recv(h.from, buffer.data(), buffer.size(), 0);
    if (n > 0 && !h.to_broker) answered += n;
    if (n > 0) h.held.push_back({clock::now() + delay, {buffer.data(), static_cast<size_t>(n)}});
    else if (n == 0 || errno != EAGAIN) h.ended = true;
  }

  /// False: the connection is to be cut.
  bool write(half& h) const {
    const std::size_t limit = most[h.to_broker ? 0 : 1];
    while (!h.held.empty() && h.held.front().due <= clock::now()) {
      std::string& bytes = h.held.front().bytes;
      std::size_t size = bytes.size();
      if (limit != 0) size = std::min(size, limit - std::min(limit, h.passed));
      const ssize_t n = ::send(h.to, bytes.data(), size, MSG_NOSIGNAL);
      if (n < 0) return errno == EAGAIN;
      h.passed += static_cast<std::size_t>(n);
      if (limit != 0 && h.passed >= limit) return false;
      bytes.erase(0, static_cast<std::size_t>(n));
      if (bytes.empty()) h.held.pop_front();
    }
    if (h.ended && h.held.empty() && !h.told_ended) {
      h.told_ended = true;
      ::shutdown(h.to, SHUT_WR);
    }
    return true;
  }

  /// A reset, not an orderly end.
  void cut(connection& c) {
    const linger hard{1, 0};
    for (const int one : {c.client, c.broker}) {
      ::setsockopt(one, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
      ::close(one);
    }
    c.dead = true;
    ++cuts;
  }

  void serve(connection& c) {
    if (cut_now) return cut(c);
    if (swallowing) return;
    if (end_now) {
      c.halves[1].ended = true;
      c.halves[1].held.clear();
    }
    for (half& h : c.halves) {
      if (!h.ended) read(h);
      if (!write(h)) return cut(c);
    }
    if (c.halves[0].told_ended && c.halves[1].told_ended) {
      ::close(c.client);
      ::close(c.broker);
      c.dead = true;
    }
  }

  void run() {
    std::vector<pollfd> wanted;
    while (!over) {
      wanted.assign({{listener, POLLIN, 0}, {bell, POLLIN, 0}});
      clock::time_point next = clock::now() + 1s;
      {
        const std::lock_guard lock(mutex);
        for (const connection& c : all) {
          for (const half& h : c.halves) {
            if (swallowing) continue;
            if (!h.ended) wanted.push_back({h.from, POLLIN, 0});
            if (h.held.empty()) continue;
            if (h.held.front().due <= clock::now()) wanted.push_back({h.to, POLLOUT, 0});
            else next = std::min(next, h.held.front().due);
          }
        }
      }
      const auto wait = std::chrono::ceil<std::chrono::milliseconds>(next - clock::now()).count();
      ::poll(wanted.data(), wanted.size(), static_cast<int>(std::max<std::int64_t>(wait, 0)));
      const std::lock_guard lock(mutex);
      std::uint64_t rings = 0;
      if ((wanted[1].revents & POLLIN) != 0 && ::read(bell, &rings, sizeof rings) < 0) return;
      if ((wanted[0].revents & POLLIN) != 0) accept_one();
      for (connection& c : all) serve(c);
      all.remove_if([](const connection& c) { return c.dead; });
      cut_now = end_now = false;
    }
  }
};

tcp_proxy::tcp_proxy() : state_(std::make_unique<state>()) {
  state& s = *state_;
  s.listener = new_socket();
  s.bell = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(s.listener, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
      ::listen(s.listener, 64) != 0 ||
      ::getsockname(s.listener, reinterpret_cast<sockaddr*>(&address), &size) != 0)
    throw std::runtime_error("no port for a proxy");
  s.port = ntohs(address.sin_port);
  s.thread = std::thread([&s] { s.run(); });
}

tcp_proxy::~tcp_proxy() {
  state_->over = true;
  state_->ring();
  state_->thread.join();
  for (connection& c : state_->all) state_->cut(c);
  ::close(state_->listener);
  ::close(state_->bell);
}

std::uint16_t tcp_proxy::port() const { return state_->port; }
int tcp_proxy::cuts() const { return state_->cuts; }
std::int64_t tcp_proxy::answered() const { return state_->answered; }

namespace {

/// Changes what is asked for, and wakes the thread.
template <class State, class Change>
void ask(State& s, const Change& change) {
  {
    const std::lock_guard lock(s.mutex);
    change();
  }
  s.ring();
}

}  // namespace

void tcp_proxy::forward_to(std::uint16_t port) {
  ask(*state_, [&] { state_->target = port; });
}
void tcp_proxy::delay(std::chrono::milliseconds by) {
  ask(*state_, [&] { state_->delay = by; });
}
void tcp_proxy::cut() {
  ask(*state_, [&] { state_->cut_now = true; });
}
void tcp_proxy::cut_after(std::size_t to_broker, std::size_t from_broker) {
  ask(*state_, [&] {
    state_->most = {to_broker, from_broker};
    for (connection& c : state_->all)
      for (half& h : c.halves) h.passed = 0;
  });
}
void tcp_proxy::swallow(bool on) {
  ask(*state_, [&] { state_->swallowing = on; });
}
void tcp_proxy::end_answers() {
  ask(*state_, [&] { state_->end_now = true; });
}

}  // namespace millrace::testing
