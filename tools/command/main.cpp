// millrace: runs programs, and looks after checkpoint directories. What concerns Python alone is
// the Python packages' own command's.
#include <CLI/CLI.hpp>
#include <cstdio>
#include <exception>
#include <string_view>

#include "commands.hpp"
#include "millrace/error.hpp"

int main(int argc, char** argv) {
  using namespace millrace;
  CLI::App app(
      "Runs programs, and says what checkpoint directories hold and what becomes of it. "
      "For Python programs there is millrace pyspark-path, too.",
      "millrace");
  app.require_subcommand(1);
  app.set_version_flag("--version", "millrace " MILLRACE_VERSION);
  command::add_batches(app);
  command::add_checkpoint(app);
  command::add_deadletter(app);
  command::add_submit(app, argc, argv);
  try {
    const std::string_view first = argc < 2 ? "" : argv[1];
    if (first == "help") {
      std::fputs(app.help().c_str(), stdout);
      return 0;
    }
    if (first == "pyspark-path") {
      command::hand_to_python(argc, argv);
      throw error("the Python packages are not installed beside this program");
    }
    bool ours = first.empty() || first[0] == '-';
    for (const CLI::App* one : app.get_subcommands([](CLI::App*) { return true; }))
      ours = ours || one->check_name(argv[1]);
    if (!ours) {
      std::fprintf(stderr, "millrace: there is no such command; see millrace --help: %s\n",
                   argv[1]);
      return 2;
    }
    app.parse(argc, argv);
    return 0;
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;  // --help is no error
  } catch (const std::exception& e) {
    std::fprintf(stderr, "millrace: %s\n", describe(e).c_str());
    return 1;
  }
}
