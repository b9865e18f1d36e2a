#pragma once
#include <string_view>

namespace finack::cli {

/// One command of the finack program: argv[0] is its name. Returns the exit status: 0 fine, 1
/// findings or failures, 2 wrong use.
using CommandFunction = int (*)(int argc, char** argv);

int check(int argc, char** argv);
int demo(int argc, char** argv);
int reference(int argc, char** argv);
int serve(int argc, char** argv);
int version(int argc, char** argv);

}  // namespace finack::cli
