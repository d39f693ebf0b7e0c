#include "base/thread_stack.hpp"

#include <cxxabi.h>
#include <dlfcn.h>
#include <execinfo.h>
#include <semaphore.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <memory>
#include <mutex>
#include <string_view>

namespace millrace::detail {

namespace {

constexpr int most_frames = 64;

struct question {
  pthread_t thread;
  sem_t answered;
  void* frames[most_frames];
  int count = 0;
};
std::atomic<question*> open_question{nullptr};

// On the thread that is asked. Only what a signal handler may call.
void answer(int) {
  const int before = errno;
  question* asked = open_question.load(std::memory_order_acquire);
  if (asked != nullptr && pthread_equal(asked->thread, pthread_self()) != 0 &&
      open_question.compare_exchange_strong(asked, nullptr)) {
    asked->count = ::backtrace(asked->frames, most_frames);
    ::sem_post(&asked->answered);
  }
  errno = before;
}

/// False: the program has its own use for the signal.
bool install() {
  struct sigaction now = {};
  if (::sigaction(SIGURG, nullptr, &now) != 0) return false;
  if (now.sa_handler == answer) return true;
  if ((now.sa_flags & SA_SIGINFO) != 0 || now.sa_handler != SIG_DFL) return false;
  void* one = nullptr;
  ::backtrace(&one, 1);  // the first call allocates
  struct sigaction ours = {};
  ours.sa_handler = answer;
  ours.sa_flags = SA_RESTART;
  ::sigemptyset(&ours.sa_mask);
  return ::sigaction(SIGURG, &ours, nullptr) == 0;
}

std::string name_of(void* address) {
  Dl_info info = {};
  if (::dladdr(address, &info) == 0 || info.dli_fname == nullptr) return "?";
  if (info.dli_sname != nullptr) {
    int status = 0;
    const std::unique_ptr<char, decltype(&std::free)> plain(
        abi::__cxa_demangle(info.dli_sname, nullptr, nullptr, &status), &std::free);
    return plain != nullptr ? plain.get() : info.dli_sname;
  }
  const std::string_view path = info.dli_fname;
  char offset[24];
  // Of the call, not of what comes after it.
  std::snprintf(offset, sizeof offset, "(+0x%zx)",
                reinterpret_cast<std::uintptr_t>(address) -
                    reinterpret_cast<std::uintptr_t>(info.dli_fbase) - 1);
  return std::string(path.substr(path.rfind('/') + 1)) + offset;
}

}  // namespace

std::vector<std::string> stack_of(pthread_t thread, int most) {
  static std::mutex one_at_a_time;
  const std::lock_guard lock(one_at_a_time);
  if (!install()) return {};
  question asked{thread, {}, {}, 0};
  ::sem_init(&asked.answered, 0, 0);
  open_question.store(&asked, std::memory_order_release);
  timespec until = {};
  ::clock_gettime(CLOCK_REALTIME, &until);
  until.tv_nsec += 100'000'000;
  until.tv_sec += until.tv_nsec / 1'000'000'000;
  until.tv_nsec %= 1'000'000'000;
  bool came = false;
  if (::pthread_kill(thread, SIGURG) == 0)
    while (!(came = ::sem_timedwait(&asked.answered, &until) == 0) && errno == EINTR) continue;
  // Where it is answering just now, it is about to say so.
  if (!came && open_question.exchange(nullptr) == nullptr)
    while (::sem_wait(&asked.answered) == -1 && errno == EINTR) continue;
  ::sem_destroy(&asked.answered);
  std::vector<std::string> names;
  // The first two are the handler and the system's call of it.
  for (int i = 2; i < asked.count && i < 2 + most; ++i) names.push_back(name_of(asked.frames[i]));
  return names;
}

}  // namespace millrace::detail
