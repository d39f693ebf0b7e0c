// Runs millrace_text_server beside a program that reads from it: a test, a benchmark.
#pragma once

#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>

namespace millrace::tools {

/// A server that sends `lines` lines to whoever connects, as fast as they are taken, and ends. Not
/// ended with the object: it is waited for, and it ends when nobody is left to send to.
class text_server_process {
 public:
  /// `file` empty: the sentences that the program has; else the lines of that file, over and over.
  text_server_process(const std::string& program, std::uint64_t lines, const std::string& file = {})
      : output_(::popen(command(program, lines, file).c_str(), "re")) {
    if (output_ == nullptr) throw std::runtime_error("cannot start " + program);
    port_ = static_cast<std::uint16_t>(std::stoul(line()));
  }
  ~text_server_process() {
    if (output_ != nullptr) ::pclose(output_);
  }
  text_server_process(const text_server_process&) = delete;
  text_server_process& operator=(const text_server_process&) = delete;

  std::uint16_t port() const { return port_; }

  /// Waits until all is sent; how many words that were.
  std::int64_t words_sent() {
    const std::string counts = line();
    const std::string name = "\"words\":";
    const auto at = counts.find(name);
    if (at == std::string::npos) throw std::runtime_error("the text server said: " + counts);
    return std::stoll(counts.substr(at + name.size()));
  }

 private:
  static std::string command(const std::string& program, std::uint64_t lines,
                             const std::string& file) {
    std::string all = "exec '" + program + "' --port 0 --rate 0 --once --repeat 0 --lines " +
                      std::to_string(lines);
    if (!file.empty()) all += " --file '" + file + "'";
    return all + " 2>&1";
  }

  std::string line() {
    char text[1024];
    if (std::fgets(text, sizeof text, output_) == nullptr)
      throw std::runtime_error("the text server ended and said nothing");
    return text;
  }

  std::FILE* output_;
  std::uint16_t port_ = 0;
};

}  // namespace millrace::tools
