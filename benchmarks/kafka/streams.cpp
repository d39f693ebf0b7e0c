#include "kafka/streams.hpp"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <stdexcept>
#include <vector>

namespace bench {

bool kafka_streams::available() {
  if (std::system("command -v javac > /dev/null") != 0) return false;
  if (std::system(MILLRACE_KAFKA_STREAMS " fetch") != 0)
    throw std::runtime_error("Kafka Streams could not be made ready; see above");
  return true;
}

kafka_streams::kafka_streams(const std::string& broker, const std::string& from,
                             const std::string& to, const kafka_streams_options& options) {
  directory_ = (std::filesystem::temp_directory_path() / "millrace-streams-XXXXXX").string();
  if (::mkdtemp(directory_.data()) == nullptr)
    throw std::runtime_error("no directory for Kafka Streams");
  std::vector<std::string> words{MILLRACE_KAFKA_STREAMS,
                                 broker,
                                 from,
                                 to,
                                 options.exactly_once ? "exactly_once_v2" : "at_least_once",
                                 std::to_string(options.commit.count()),
                                 std::to_string(options.cache_bytes),
                                 directory_,
                                 options.soon ? "true" : "false"};
  std::vector<char*> arguments;
  for (std::string& word : words) arguments.push_back(word.data());
  arguments.push_back(nullptr);
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) throw std::runtime_error("no pipe for Kafka Streams");
  process_ = ::fork();
  if (process_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);
    ::dup2(ends[1], STDOUT_FILENO);
    ::execv(arguments[0], arguments.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  said_ = ::fdopen(ends[0], "r");
  if (process_ < 0 || said_ == nullptr) throw std::runtime_error("no process for Kafka Streams");
}

kafka_streams::~kafka_streams() {
  ::kill(process_, SIGKILL);
  ::waitpid(process_, nullptr, 0);
  std::fclose(said_);
  std::error_code ignored;  // a directory that stays in /tmp spoils no figure
  std::filesystem::remove_all(directory_, ignored);
}

void kafka_streams::freeze() { ::kill(process_, SIGSTOP); }
void kafka_streams::thaw() { ::kill(process_, SIGCONT); }

double kafka_streams::words_a_second(std::chrono::milliseconds from,
                                     std::chrono::milliseconds until) {
  const progress first = after(from);
  const progress last = after(until);
  return static_cast<double>(last.words - first.words) * 1000 /
         static_cast<double>(last.ms - first.ms);
}

kafka_streams::progress kafka_streams::after(std::chrono::milliseconds time) {
  progress said;
  do {
    if (std::fscanf(said_, "%lld %lld", &said.ms, &said.words) != 2)
      throw std::runtime_error("Kafka Streams ended; see above");
  } while (said.ms < time.count());
  return said;
}

}  // namespace bench
