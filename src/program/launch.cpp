#include "millrace/launch.hpp"

#include <cstdio>
#include <optional>
#include <string>
#include <string_view>

#include "millrace/error.hpp"

namespace millrace {
namespace {

constexpr const char* usage =
    "  --master MASTER         where to run: local, local[N], local[*], local[N,F]\n"
    "  --checkpoint DIRECTORY  where the stream's state is kept\n"
    "  --conf NAME=VALUE       a setting; may be given several times\n"
    "  --help                  this text\n";

/// Reads the command line into the options; false: help is wanted.
bool read_arguments(int argc, const char* const* argv, streaming_context_options& options) {
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    if (argument == "--") break;
    if (!argument.starts_with('-') || argument == "-") continue;
    if (argument == "--help" || argument == "-h") return false;
    const auto equals = argument.find('=');
    const std::string_view name = argument.substr(0, equals);
    if (name != "--master" && name != "--checkpoint" && name != "--conf")
      throw usage_error(
          "there is no such option; there are --master, --checkpoint, --conf and "
          "--help, and what follows -- is the program's own: " +
          std::string(argument));
    std::string value;
    if (equals != std::string_view::npos) value = argument.substr(equals + 1);
    else if (i + 1 < argc) value = argv[++i];
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
  return true;
}

}  // namespace

int launch(int argc, const char* const* argv, streaming_context_options options,
           const std::function<void(streaming_context&)>& build) {
  const std::string name = options.name;
  try {
    if (!read_arguments(argc, argv, options)) {
      std::fprintf(stderr, "Usage: %s [option]...\n%s", argc > 0 ? argv[0] : name.c_str(), usage);
      return 0;
    }
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
