#include <signal.h>
#include <unistd.h>

/* Stands in for k3d's helper container, which only has to wait and to end when told. */
static void end(int signal) {
	(void)signal;
	_exit(0);
}

int main(void) {
	signal(SIGTERM, end);
	for (;;)
		pause();
}
