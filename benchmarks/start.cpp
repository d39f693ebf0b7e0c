// start PROGRAM BY_HAND: what a small streaming program costs before it does anything.
//   time   from exec until its source is open: it has connected to our port 9999
//   memory and CPU while it idles at batches of 1 s over 10 s, as /proc tells
// PROGRAM is examples/network_word_count, BY_HAND hand/network_word_count.cpp.

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <stdexcept>
#include <string>
#include <thread>

#include "measure.hpp"

namespace {

using namespace std::chrono_literals;

constexpr int port = 9999;  // the program of the README has it written out

[[noreturn]] void fail(const std::string& what) {
  throw std::runtime_error(what + ": " + std::strerror(errno));
}

/// One address of the port: "localhost" may be either of the two.
class listener {
 public:
  explicit listener(int family) : socket_(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    if (socket_ < 0) {
      if (family == AF_INET6) return;  // a machine without IPv6
      fail("socket");
    }
    const int on = 1;
    ::setsockopt(socket_, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
    int bound = 0;
    if (family == AF_INET6) {
      ::setsockopt(socket_, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_addr = in6addr_loopback;
      address.sin6_port = htons(port);
      bound = ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    } else {
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      address.sin_port = htons(port);
      bound = ::bind(socket_, reinterpret_cast<const sockaddr*>(&address), sizeof address);
    }
    if (bound == 0 && ::listen(socket_, 16) == 0) return;
    if (family == AF_INET6 && errno == EADDRNOTAVAIL) {
      close();
      return;
    }
    fail("cannot listen on port " + std::to_string(port));
  }
  ~listener() { close(); }
  listener(const listener&) = delete;
  listener& operator=(const listener&) = delete;

  int socket() const { return socket_; }  // below 0: none

 private:
  void close() {
    if (socket_ >= 0) ::close(socket_);
    socket_ = -1;
  }

  int socket_;
};

class ports {
 public:
  /// The connection of whoever comes first.
  int accept() {
    pollfd both[] = {{v4_.socket(), POLLIN, 0}, {v6_.socket(), POLLIN, 0}};
    const int ready = ::poll(both, 2, 10'000);
    if (ready < 0) fail("poll");
    if (ready == 0) throw std::runtime_error("nobody connected within 10 s");
    const int from = (both[0].revents & POLLIN) != 0 ? v4_.socket() : v6_.socket();
    const int connection = ::accept4(from, nullptr, nullptr, SOCK_CLOEXEC);
    if (connection < 0) fail("accept");
    return connection;
  }

 private:
  listener v4_{AF_INET};
  listener v6_{AF_INET6};
};

/// The program, running and connected to us, its output thrown away. Ended with the object.
class running_program {
 public:
  running_program(const std::string& path, ports& here) {
    posix_spawn_file_actions_t actions;
    posix_spawn_file_actions_init(&actions);
    posix_spawn_file_actions_addopen(&actions, 1, "/dev/null", O_WRONLY, 0);
    std::string name = path;
    char* arguments[] = {name.data(), nullptr};
    const bench::stopwatch time;
    errno = ::posix_spawn(&process_, path.c_str(), &actions, nullptr, arguments, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (errno != 0) fail("cannot start " + path);
    try {
      connection_ = here.accept();
    } catch (...) {
      end(SIGKILL);
      throw;
    }
    milliseconds_ = time.seconds() * 1e3;
  }
  ~running_program() { end(SIGTERM); }
  running_program(const running_program&) = delete;
  running_program& operator=(const running_program&) = delete;

  double milliseconds_to_connect() const { return milliseconds_; }

  double resident_mebibytes() const {
    std::ifstream status("/proc/" + std::to_string(process_) + "/status");
    std::string word;
    while (status >> word) {
      double kibibytes = 0;
      if (word == "VmRSS:" && status >> kibibytes) return kibibytes / 1024;
    }
    throw std::runtime_error("the program has ended");
  }

  double cpu_seconds() const {
    clockid_t clock{};
    timespec used{};
    if (::clock_getcpuclockid(process_, &clock) != 0 || ::clock_gettime(clock, &used) != 0) {
      throw std::runtime_error("the program has ended");
    }
    return static_cast<double>(used.tv_sec) + static_cast<double>(used.tv_nsec) / 1e9;
  }

 private:
  void end(int signal) {
    // After the signal, not before it: a program whose server goes away would connect again.
    ::kill(process_, signal);
    for (int waited = 0; ::waitpid(process_, nullptr, WNOHANG) == 0; ++waited) {
      if (waited == 3'000) ::kill(process_, SIGKILL);
      std::this_thread::sleep_for(1ms);
    }
    if (connection_ >= 0) ::close(connection_);
  }

  pid_t process_ = -1;
  int connection_ = -1;
  double milliseconds_ = 0;
};

void measure_start(const std::string& program, const std::string& by_hand) {
  ports here;
  const auto median_of_20 = [&](const std::string& path) {
    std::vector<double> times;
    for (int i = 0; i < 20; ++i) {
      times.push_back(running_program(path, here).milliseconds_to_connect());
    }
    return std::vector<double>{bench::median(times)};
  };
  const std::string hand_name = "handwritten C++";
  bench::contest contest("start", {{"source open", "ms", bench::better::lower}});
  contest.add(hand_name, [&] { return median_of_20(by_hand); });
  contest.add("millrace", [&] { return median_of_20(program); }, {hand_name});
  contest.run();
}

void measure_idle(const std::string& program) {
  ports here;
  const running_program idle(program, here);
  std::this_thread::sleep_for(2s);  // let it settle
  const double before = idle.cpu_seconds();
  const bench::stopwatch time;
  std::this_thread::sleep_for(10s);
  const double used = (idle.cpu_seconds() - before) / time.seconds() * 100;
  const auto print = [](const char* metric, double value, const char* unit) {
    std::printf(R"({"system": "millrace", "workload": "start", "metric": "%s", "value": %.4g, )"
                R"("unit": "%s", "runs": [%.4g]})"
                "\n",
                metric, value, unit, value);
  };
  print("idle memory", idle.resident_mebibytes(), "MiB");
  print("idle CPU", used, "% of a core");
}

}  // namespace

int main(int argc, char** argv) {
  return bench::run_program([&] {
    if (argc != 3) throw std::runtime_error("start PROGRAM BY_HAND");
    measure_start(argv[1], argv[2]);
    measure_idle(argv[1]);
  });
}
