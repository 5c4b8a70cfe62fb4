#include "command.hpp"
#include "dspy/base/error.hpp"
#include "migration/migration.hpp"
#include "migration/script.hpp"

#include <CLI/CLI.hpp>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <format>
#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace dspy::app {
namespace {

struct MigrateFlags {
  std::vector<std::string> files;
  std::string python;
  bool json = false;
};

/// Makes modules of the two texts that come first on the command line, and runs the second.
constexpr std::string_view loader = R"py(
import sys
if sys.version_info < (3, 8):
    sys.exit("dspy: error: migrate needs Python 3.8 or newer, and %s is %d.%d; name another with --python" % (
        sys.executable, sys.version_info[0], sys.version_info[1]))
import types
names, script, arguments = sys.argv[1], sys.argv[2], sys.argv[3:]
package = types.ModuleType("dspy_cpp")
package.__path__ = []
sys.modules["dspy_cpp"] = package
for name, text in (("_names", names), ("migrate", script)):
    module = types.ModuleType("dspy_cpp." + name)
    module.__package__ = "dspy_cpp"
    sys.modules[module.__name__] = module
    exec(compile(text, "dspy_cpp/" + name + ".py", "exec"), module.__dict__)
try:
    code = sys.modules["dspy_cpp.migrate"].main(arguments)
except Exception as problem:
    sys.stderr.write("dspy: error: the program could not be analysed: %s: %s\n" % (type(problem).__name__, problem))
    code = 2
sys.exit(code)
)py";

std::string wanted_python(const MigrateFlags& flags) {
  if (!flags.python.empty()) return flags.python;
  const char* const named = std::getenv("DSPY_PYTHON");
  return named != nullptr && *named != '\0' ? named : "python3";
}

/// Runs Python with our standard streams, and returns how it ended.
int run_python(const std::string& python, const std::vector<std::string>& arguments,
               std::string_view program = loader) {
  std::vector<std::string> words = {python, "-I", "-B", "-c", std::string(program)};
  words.insert(words.end(), arguments.begin(), arguments.end());
  std::vector<char*> argv;
  argv.reserve(words.size() + 1);
  for (auto& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  std::cout.flush();
  pid_t child = 0;
  const int failed = ::posix_spawnp(&child, python.c_str(), nullptr, nullptr, argv.data(), environ);
  if (failed != 0) {
    throw Error(Errc::config_error, std::format("`{}` cannot be started ({}); Python programs are parsed by Python "
                                                "itself: install python3, or name it with --python or $DSPY_PYTHON",
                                                python, std::strerror(failed)));
  }
  int status = 0;
  while (::waitpid(child, &status, 0) < 0) {
    if (errno != EINTR) throw Error(Errc::io_error, std::format("`{}` cannot be waited for", python));
  }
  if (WIFEXITED(status)) return WEXITSTATUS(status);
  throw Error(Errc::io_error, std::format("`{}` was ended by signal {}", python, WTERMSIG(status)));
}

/// That it is a Python: another program may end well and read nothing.
void require_python(const std::string& python) {
  constexpr int answer = 87;
  if (run_python(python, {}, std::format("import ast, sys; sys.exit({})", answer)) == answer) return;
  throw Error(Errc::config_error,
              std::format("`{}` is not Python 3.8 or newer; name one with --python or $DSPY_PYTHON", python));
}

int run_migrate(const MigrateFlags& flags) {
  require_python(wanted_python(flags));
  std::vector<std::string> arguments = {std::string(migrate_names), std::string(migrate_script)};
  if (flags.json) arguments.emplace_back("--json");
  arguments.emplace_back("--");
  arguments.insert(arguments.end(), flags.files.begin(), flags.files.end());
  const int code = run_python(wanted_python(flags), arguments);
  if (code == 0 || code == exit_failed || code == exit_usage) return code;
  throw Error(
      Errc::config_error,
      std::format("`{}` exited with code {}, which is unexpected for Python; name Python 3.8 or newer with --python",
                  wanted_python(flags), code));
}

}  // namespace

void add_migrate(CLI::App& app, Plan& plan) {
  const auto flags = std::make_shared<MigrateFlags>();
  auto* const command = app.add_subcommand(
      "migrate",
      "Report line by line what in a Python DSPy program maps directly, what differs and what has no counterpart");
  command->add_option("FILE", flags->files, "Python files; they are parsed, never run")->required();
  command->add_option("--python", flags->python, "The Python that parses them [$DSPY_PYTHON, python3]");
  command->add_flag("--json", flags->json, "Print one JSON object per file, one per line");
  command->footer(
      "Exit codes: 0 everything maps; 1 something is only in C++, or has no counterpart; 2 a file cannot be read.");
  command->callback([flags, &plan] { plan = [flags] { return run_migrate(*flags); }; });
}

}  // namespace dspy::app
