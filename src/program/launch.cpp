#include "millrace/launch.hpp"

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "millrace/error.hpp"
#include "program/supervise.hpp"

namespace millrace {
namespace {

constexpr const char* usage =
    "  --master MASTER         where to run: local, local[N], local[*], local[N,F]\n"
    "  --checkpoint DIRECTORY  where the stream's state is kept\n"
    "  --conf NAME=VALUE       a setting; may be given several times\n"
    "  --supervise[=TIMES]     starts the program again when it dies, so many times in a row (10)\n"
    "  --help                  this text\n";

/// "--supervise=5"; none: no such number.
std::optional<int> times(std::string_view text) {
  int number = 0;
  const auto end = std::from_chars(text.data(), text.data() + text.size(), number);
  if (end.ec != std::errc{} || end.ptr != text.data() + text.size() || number < 0) return {};
  return number;
}

/// Reads the command line into the options, and into `supervised` where that is wanted; false: help
/// is.
bool read_arguments(int argc, const char* const* argv, streaming_context_options& options,
                    std::optional<program::supervision>& supervised) {
  std::vector<std::string> others(argv, argv + std::min(argc, 1));
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--") {
      others.insert(others.end(), argv + i, argv + argc);
      break;
    }
    const auto equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    if (name == "--supervise") {
      supervised.emplace();
      if (equals == std::string_view::npos) continue;
      const std::optional<int> most = times(argument.substr(equals + 1));
      if (!most)
        throw usage_error("--supervise=TIMES takes how often the program is started again: " +
                          std::string(argument));
      supervised->most_restarts = *most;
      continue;
    }
    others.emplace_back(argument);
    if (!argument.starts_with('-') || argument == "-") continue;
    if (argument == "--help" || argument == "-h") return false;
    if (name != "--master" && name != "--checkpoint" && name != "--conf")
      throw usage_error(
          "there is no such option; there are --master, --checkpoint, --conf, --supervise and "
          "--help, and what follows -- is the program's own: " +
          std::string(argument));
    std::string value;
    if (equals != std::string_view::npos) value = argument.substr(equals + 1);
    else if (i + 1 < argc) others.push_back(value = argv[++i]);
    else throw usage_error("the option lacks its value: " + std::string(name));
    if (name == "--master") {
      options.master = std::move(value);
    } else if (name == "--checkpoint") {
      options.checkpoint = std::move(value);
    } else {
      const auto at = value.find('=');
      if (at == std::string::npos)
        throw usage_error("a setting is given as NAME=VALUE: --conf " + value);
      options.conf.emplace_back(value.substr(0, at), value.substr(at + 1));
    }
  }
  if (supervised) supervised->arguments = std::move(others);
  return true;
}

}  // namespace

int launch(int argc, const char* const* argv, streaming_context_options options,
           const std::function<void(streaming_context&)>& build) {
  const std::string name = options.name;
  try {
    std::optional<program::supervision> supervised;
    if (!read_arguments(argc, argv, options, supervised)) {
      std::fprintf(stderr, "Usage: %s [option]...\n%s", argc > 0 ? argv[0] : name.c_str(), usage);
      return 0;
    }
    if (supervised) return program::supervise(*supervised);
    const std::string checkpoint = options.checkpoint;
    const streaming_context ssc =
        streaming_context::get_or_create(checkpoint, std::move(options), build);
    try {
      ssc.start();
    } catch (...) {
      ssc.stop();  // the graph's functions may hold the context that holds them
      throw;
    }
    ssc.await_termination();
    return 0;
  } catch (const usage_error& e) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), describe(e).c_str());
    return 2;
  } catch (const std::exception& e) {
    std::fprintf(stderr, "%s: %s\n", name.c_str(), describe(e).c_str());
    return 1;
  }
}

}  // namespace millrace
