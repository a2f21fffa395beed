// What stands behind the shim in a simulator with instruments.
#include "verilated_cov.h"

extern "C" {

// Writes how often each point of coverage was reached, in Verilator's own format.
void puce_coverage(Model* model, const char* path) {
#if VM_COVERAGE
    model->context.coveragep()->write(path);
#endif
}

// Gives the design one argument (`+name=value`), before the first evaluation.
void puce_argument(Model* model, const char* argument) {
    const char* arguments[] = {"puce", argument};
    model->context.commandArgs(2, arguments);
}
}
