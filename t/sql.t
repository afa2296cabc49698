# Runs the pgTAP tests of t/sql, each in a database of its own.

use strict;
use warnings;

use Test::More;

use Carmen::Cluster;

my $pg = Carmen::Cluster->shared;

for my $file (sort glob "$Carmen::Cluster::ROOT/t/sql/*.sql") {
    my ($name) = $file =~ m{([^/]+)\.sql$};

    subtest $name => sub {
        my $db = $pg->database;
        $db->sql('CREATE EXTENSION IF NOT EXISTS pgtap');

        my $text = eval {
            $db->psql('--pset', 'pager=off', '-f', $file);
        } // $@;
        my ($planned, $run) = (undef, 0);

        for my $line (split /\n/, $text) {
            if ($line =~ /^1\.\.(\d+)/) {
                $planned = $1;
            } elsif ($line =~ /^(not )?ok (\d+)(?: - | )?(.*)/) {
                my ($bad, $what) = ($1, $3);
                $run++;
                ok(!$bad, $what);
            } elsif ($line =~ /ERROR|FATAL|^psql:/) {
                fail($line);
            } elsif ($line =~ /^#/) {
                diag($line);
            }
        }
        is($run, $planned, 'as many as planned') or diag($text);
        done_testing;
    };
}

done_testing;
