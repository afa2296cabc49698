#!/usr/bin/perl

# Builds the fuzz targets of t/fuzz and runs each for CARMEN_FUZZ_SECONDS
# (default 5).  What a run finds stays in .build/fuzz/<target>-*.

use strict;
use warnings;

use File::Temp;
use FindBin;
use Test::More;

my $top = "$FindBin::Bin/..";
my $seconds = $ENV{CARMEN_FUZZ_SECONDS} || 5;
my ($objs) = grep { -e "$_/ngx_auto_config.h" }
             map { "$top/.build/$_" } qw(release debug sanitize);

plan skip_all => 'clang with libFuzzer is not installed'
    if system('echo "int LLVMFuzzerTestOneInput(void *p, unsigned long n)'
              . ' { return 0; }" | clang -fsanitize=fuzzer -x c -o /dev/null -'
              . ' > /dev/null 2>&1') != 0;

if (!$objs) {
    system("$top/packaging/build", 'release') == 0
        or BAIL_OUT('packaging/build failed');
    $objs = "$top/.build/release";
}

my $said = `make -C $FindBin::Bin/fuzz -s OBJS=$objs 2>&1`;

is $?, 0, 'the fuzz targets build' or BAIL_OUT($said);

for my $source (sort glob "$FindBin::Bin/fuzz/*_fuzz.c") {
    my ($name) = $source =~ m{([^/]+)_fuzz\.c$};
    my $work = File::Temp->newdir;
    my $dict = "$FindBin::Bin/fuzz/$name.dict";
    my @command = ("$top/.build/fuzz/$name", "-max_total_time=$seconds",
        '-timeout=5', '-rss_limit_mb=1024', '-max_len=4096',
        '-print_final_stats=1', "-artifact_prefix=$top/.build/fuzz/$name-",
        (-e $dict ? "-dict=$dict" : ()), "$work",
        grep { -d } "$FindBin::Bin/fuzz/corpus/$name");

    subtest $name => sub {
        my @lines = `@command 2>&1`;

        is $?, 0, 'nothing was found' or diag @lines > 60 ? @lines[-60 .. -1]
                                                          : @lines;
        my ($runs) = map { /number_of_executed_units: (\d+)/ ? $1 : () }
            @lines;
        cmp_ok $runs // 0, '>', 1000, 'inputs were run';
        note "$runs inputs" if $runs;
    };
}

done_testing;
