#include "servers.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pwd.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <fstream>
#include <sstream>
#include <stdexcept>

#include "free_port.hpp"
#include "millrace/error.hpp"
#include "millrace/sql.hpp"

namespace millrace::test {
namespace {

namespace fs = std::filesystem;
using namespace std::chrono_literals;

constexpr auto deadline = 60s;

const ::passwd* other_user() {
  if (::geteuid() != 0) return nullptr;
  for (const char* name : {"postgres", "mysql", "nobody"})
    if (const ::passwd* const found = ::getpwnam(name)) return found;
  throw std::runtime_error("there is no user but root to run a database as");
}

void check(bool fine, const char* what) {
  if (!fine) throw std::system_error(errno, std::generic_category(), what);
}

::pid_t start_process(const std::vector<std::string>& command, const fs::path& log) {
  std::vector<char*> arguments;
  for (const std::string& word : command) arguments.push_back(const_cast<char*>(word.c_str()));
  arguments.push_back(nullptr);
  const ::passwd* const user = other_user();
  const ::pid_t child = ::fork();
  check(child != -1, "fork");
  if (child != 0) return child;
  const int out = ::open(log.c_str(), O_WRONLY | O_CREAT | O_APPEND, 0666);
  if (out == -1 || ::dup2(out, 1) == -1 || ::dup2(out, 2) == -1) ::_exit(126);
  if (user != nullptr && (::setgid(user->pw_gid) != 0 || ::setuid(user->pw_uid) != 0)) ::_exit(126);
  if (::chdir("/") != 0) ::_exit(126);
  ::execvp(arguments[0], arguments.data());
  ::_exit(127);
}

std::string content(const fs::path& path) {
  std::ostringstream all;
  all << std::ifstream(path).rdbuf();
  return all.str();
}

void run(const std::vector<std::string>& command, const fs::path& log) {
  int status = 0;
  const ::pid_t child = start_process(command, log);
  check(::waitpid(child, &status, 0) == child, "waitpid");
  if (status != 0) throw std::runtime_error(command[0] + " failed: " + content(log));
}

int listen_anywhere(int& port) {
  const int listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  check(listener != -1, "socket");
  ::sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  ::socklen_t size = sizeof address;
  check(::bind(listener, reinterpret_cast<::sockaddr*>(&address), size) == 0, "bind");
  check(::listen(listener, 16) == 0, "listen");
  check(::getsockname(listener, reinterpret_cast<::sockaddr*>(&address), &size) == 0,
        "getsockname");
  port = ::ntohs(address.sin_port);
  return listener;
}

/// The newest of the versions that Debian lays side by side, else what the path has.
std::string postgresql_program(const std::string& name) {
  std::string found = name;
  if (!fs::exists("/usr/lib/postgresql")) return found;
  for (const auto& version : fs::directory_iterator("/usr/lib/postgresql"))
    if (const fs::path path = version.path() / "bin" / name; fs::exists(path))
      found = std::max(found == name ? std::string() : found, path.string());
  return found;
}

}  // namespace

scratch::scratch() {
  std::string name = (fs::temp_directory_path() / "millrace_sql_XXXXXX").string();
  check(::mkdtemp(name.data()) != nullptr, "mkdtemp");
  path_ = name;
  if (const ::passwd* const user = other_user())
    check(::chown(name.c_str(), user->pw_uid, user->pw_gid) == 0, "chown");
}
scratch::~scratch() {
  std::error_code left;
  fs::remove_all(path_, left);
}

server::server(kind what) : kind_(what), port_(testing::free_port()) {
  const fs::path& at = directory_.path();
  const std::string data = (at / "data").string();
  if (kind_ == kind::postgresql) {
    std::ofstream(at / "password") << password << '\n';
    run({postgresql_program("initdb"), "-D", data, "-U", "millrace", "-A", "scram-sha-256",
         "--pwfile=" + (at / "password").string(), "--no-sync", "-E", "UTF8", "--locale=C"},
        at / "log");
  } else {
    run({"mariadb-install-db", "--no-defaults", "--datadir=" + data, "--skip-test-db",
         "--auth-root-authentication-method=normal"},
        at / "log");
  }
  start();
  if (kind_ == kind::mariadb) {
    const std::string root =
        "mysql://root@/mysql?socket=" + (directory_.path() / "socket").string();
    sql::execute(root, "CREATE DATABASE millrace CHARACTER SET utf8mb4");
    std::string quoted;
    for (const char* c = password; *c != '\0'; ++c)
      quoted += *c == '\'' ? "''" : std::string(1, *c);
    sql::execute(root, "CREATE USER millrace@'127.0.0.1' IDENTIFIED BY '" + quoted + "'");
    sql::execute(root, "GRANT ALL ON millrace.* TO millrace@'127.0.0.1'");
  }
}

server::~server() { kill(); }

std::vector<std::string> server::command() const {
  const fs::path& at = directory_.path();
  const std::string data = (at / "data").string();
  const std::string port = std::to_string(port_);
  if (kind_ == kind::postgresql)
    return {postgresql_program("postgres"),
            "-D",
            data,
            "-p",
            port,
            "-k",
            at.string(),
            "-c",
            "listen_addresses=127.0.0.1",
            "-c",
            "max_connections=20",
            "-c",
            "fsync=off"};
  return {"mariadbd",
          "--no-defaults",
          "--datadir=" + data,
          "--port=" + port,
          "--bind-address=127.0.0.1",
          "--socket=" + (at / "socket").string(),
          "--pid-file=" + (at / "pid").string(),
          "--skip-name-resolve",
          "--innodb-buffer-pool-size=16M"};
}

void server::start() {
  process_ = start_process(command(), directory_.path() / "log");
  await();
}

void server::await() {
  const std::string probe = kind_ == kind::postgresql ? url()
                                                      : "mysql://root@/mysql?socket=" +
                                                            (directory_.path() / "socket").string();
  const auto end = std::chrono::steady_clock::now() + deadline;
  std::string said;
  while (std::chrono::steady_clock::now() < end) {
    try {
      sql::execute(probe, "DO 1");
      return;
    } catch (const error& e) {
      said = e.what();
      // PostgreSQL answers, which is enough: it has no such statement.
      if (said.find("syntax error") != std::string::npos) return;
      const bool not_yet = said.find("refused") != std::string::npos ||
                           said.find("starting up") != std::string::npos ||
                           said.find("not yet accepting") != std::string::npos ||
                           said.find("through socket") != std::string::npos;
      if (!not_yet) break;
    }
    if (::waitpid(process_, nullptr, WNOHANG) == process_) {
      process_ = -1;
      break;
    }
    std::this_thread::sleep_for(20ms);
  }
  throw std::runtime_error("the database did not come up: " + said + "\n" +
                           content(directory_.path() / "log"));
}

void server::kill() {
  if (process_ == -1) return;
  // PostgreSQL's processes are ended by the first one, and hold memory that is known by it.
  (void)::kill(process_, kind_ == kind::postgresql ? SIGQUIT : SIGKILL);
  (void)::waitpid(process_, nullptr, 0);
  process_ = -1;
}

std::string server::url(int port) const {
  const std::string place = "127.0.0.1:" + std::to_string(port == 0 ? port_ : port);
  const std::string who = "millrace:a%20'hard'%20one%2F%40%3A@";
  if (kind_ == kind::postgresql) return "postgresql://" + who + place + "/postgres?sslmode=disable";
  return "mariadb://" + who + place + "/millrace";
}

proxy::proxy(int to) : to_(to), listener_(listen_anywhere(port_)) {
  acceptor_ = std::thread([this] { accept_all(); });
}

proxy::~proxy() {
  stop_ = true;
  acceptor_.join();
  for (std::thread& one : connections_) one.join();
  (void)::close(listener_);
}

void proxy::arm(cut what, int times) {
  const std::lock_guard lock(mutex_);
  armed_ = what;
  times_ = times;
}

void proxy::accept_all() {
  while (!stop_) {
    ::pollfd waiting{listener_, POLLIN, 0};
    if (::poll(&waiting, 1, 50) != 1) continue;
    const int client = ::accept(listener_, nullptr, nullptr);
    if (client == -1) continue;
    const std::lock_guard lock(mutex_);
    connections_.emplace_back([this, client] { serve(client); });
  }
}

void proxy::serve(int client) {
  const int other = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  ::sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = ::htons(static_cast<std::uint16_t>(to_));
  address.sin_addr.s_addr = ::htonl(INADDR_LOOPBACK);
  bool open = ::connect(other, reinterpret_cast<::sockaddr*>(&address), sizeof address) == 0;
  bool deaf = false;
  std::array<char, 65536> bytes;
  while (open && !stop_) {
    std::array<::pollfd, 2> waiting{{{client, POLLIN, 0}, {other, POLLIN, 0}}};
    if (::poll(waiting.data(), 2, 50) <= 0) continue;
    for (int from = 0; from < 2 && open; ++from) {
      if (waiting[static_cast<std::size_t>(from)].revents == 0) continue;
      const ::ssize_t got = ::read(from == 0 ? client : other, bytes.data(), bytes.size());
      if (got <= 0 || (from == 1 && deaf)) {
        open = false;
        break;
      }
      const std::string_view text(bytes.data(), static_cast<std::size_t>(got));
      if (from == 0 && text.find("COMMIT") != std::string_view::npos) {
        const std::lock_guard lock(mutex_);
        if (times_ > 0 && armed_ != cut::none) {
          --times_;
          ++cuts_;
          deaf = armed_ == cut::after_commit;
          if (!deaf) {
            open = false;
            break;
          }
        }
      }
      if (::send(from == 0 ? other : client, text.data(), text.size(), MSG_NOSIGNAL) != got)
        open = false;
    }
  }
  (void)::close(client);
  (void)::close(other);
}

}  // namespace millrace::test
