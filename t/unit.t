#!/usr/bin/perl

# Builds the C tests of t/unit with sanitizers and runs each.

use strict;
use warnings;

use FindBin;
use Test::More;

my $top = "$FindBin::Bin/..";
my ($objs) = grep { -e "$_/ngx_auto_config.h" }
             map { "$top/.build/$_" } qw(release debug sanitize);

if (!$objs) {
    system("$top/packaging/build", 'release') == 0
        or BAIL_OUT('packaging/build failed');
    $objs = "$top/.build/release";
}

my $said = `make -C $FindBin::Bin/unit -s OBJS=$objs 2>&1`;

is $?, 0, 'the C tests build' or BAIL_OUT($said);

for my $source (sort glob "$FindBin::Bin/unit/*_test.c") {
    my ($name) = $source =~ m{([^/]+)_test\.c$};

    subtest $name => sub {
        my ($plan, $count) = (-1, 0);
        my @lines = `$top/.build/unit/$name 2>&1`;
        my $status = $?;

        for (@lines) {
            if (/^(not )?ok (\d+ - .*)/) {
                ok !$1, $2;
                $count++;

            } elsif (/^1\.\.(\d+)$/) {
                $plan = $1;

            } elsif (/\S/) {
                diag $_;
            }
        }

        is $count, $plan, 'all tests ran';
        is $status, 0, 'the sanitizers found nothing';
    };
}

done_testing;
