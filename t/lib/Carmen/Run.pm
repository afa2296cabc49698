package Carmen::Run;

# The order of a full run.  A test says in a comment of its own what it bears:
#
#   # run: alone   nothing beside it (it measures)
#   # run: once    not again under the sanitizers
#
# Tests without "use Carmen::Test" drive no nginx and run once, too.

use strict;
use warnings;

use TAP::Harness;
use TAP::Parser::Aggregator;

use Carmen::Cluster;
use Carmen::Nginx;


sub main
{
    my @args = @_;
    my ($verbose, $quick, @files);

    for my $arg (@args) {
        if ($arg eq '-v') {
            $verbose = 1;
        } elsif ($arg eq '--quick') {
            $quick = 1;
        } else {
            push @files, $arg;
        }
    }

    # So that an interrupted run ends its children by their END blocks.
    local $SIG{INT} = sub { exit 130 };
    local $SIG{TERM} = sub { exit 143 };

    my $chosen = @files > 0;
    my $kind = $chosen ? $Carmen::Nginx::KIND : 'release';
    @files = sort glob 't/*.t' if !$chosen;

    my %how = map { $_ => how($_) } @files;
    build($kind) || ($chosen && !grep { $how{$_}{http} } @files) or return 1;

    my $cluster = Carmen::Cluster->shared;
    my $aggregator = TAP::Parser::Aggregator->new;
    my $harness = harness($verbose);
    my $jobs = $verbose ? 1 : 2;

    local $ENV{CARMEN_BUILD} = $kind;
    my @beside = grep { !$how{$_}{alone} } @files;
    my @measured = grep { $how{$_}{alone} } @files;

    $aggregator->start;
    $harness->jobs($jobs);
    $harness->aggregate_tests($aggregator, @beside) if @beside;
    $harness->jobs(1);
    $harness->aggregate_tests($aggregator, @measured) if @measured;

    if (!$chosen && !$quick) {
        my @again = grep { $how{$_}{http} && !$how{$_}{once} } @files;

        build('sanitize') or return 1;
        $ENV{CARMEN_BUILD} = 'sanitize';
        $harness->jobs($jobs);
        $harness->aggregate_tests($aggregator,
            map { [$_, "$_ (sanitized)"] } @again) if @again;
    }
    $aggregator->stop;

    $cluster->leave;
    $harness->summary($aggregator);
    return $aggregator->all_passed && $aggregator->total ? 0 : 1;
}


sub build
{
    my ($kind) = @_;
    my $output = "$Carmen::Cluster::ROOT/.build/$kind.out";

    mkdir "$Carmen::Cluster::ROOT/.build";
    print "Building ($kind)\n";
    return 1 if system("packaging/build $kind > '$output' 2>&1") == 0;

    print STDERR Carmen::Nginx::slurp($output);
    return 0;
}


sub how
{
    my ($file) = @_;
    open my $in, '<', $file or die "$file: $!\n";
    my $text = do { local $/; <$in> };
    return {
        alone => scalar $text =~ /^# run: .*\balone\b/m,
        once => scalar $text =~ /^# run: .*\bonce\b/m,
        http => scalar $text =~ /^use Carmen::Test\b/m,
    };
}


sub harness
{
    my ($verbose) = @_;
    return TAP::Harness->new({
        lib => ['t/lib'], color => -t STDOUT,
        verbosity => $verbose ? 1 : 0, timer => 1, merge => 0,
    });
}


1;
