package Bench;

# What the programs of this directory share: the tools' build, a durable
# PostgreSQL with data, nginx with Carmen and without, the yardstick, and the
# two load generators, each giving one figure in the same form:
#
#   { rate, p50, p99 (µs), cpu => { name => µs a request }, wrong }

use strict;
use warnings;

use Cwd ();
use File::Basename qw(dirname);
use File::Path qw(make_path remove_tree);
use File::Temp ();
use IO::Socket::INET;
use JSON::PP ();
use POSIX ();
use Time::HiRes qw(sleep time);

our ($HERE, $ROOT);

BEGIN {
    $HERE = dirname(Cwd::realpath(__FILE__));
    $ROOT = Cwd::realpath("$HERE/../..");
}

use lib "$ROOT/t/lib";
use Carmen::Cluster;
use Carmen::Nginx;
use Carmen::Token;

our $TENANT = 'demo';
our $LANES = 'fast=1 write=4 lease=1 queue=1024';
our $TOOLS = "$ROOT/.build/bench";

# Durable, as in production; large enough that nothing is read from disk, and
# quiet: no checkpoint and no vacuum falls to the lot of one contender.
our @SETTINGS = (
    'fsync = on', 'synchronous_commit = on', 'full_page_writes = on',
    'wal_level = replica', 'shared_buffers = 1GB', 'max_connections = 200',
    'wal_buffers = 64MB', 'min_wal_size = 4GB', 'max_wal_size = 16GB',
    'checkpoint_timeout = 1h', 'autovacuum = off',
);

# Scopes of a sales desk: it may read and write all that is measured.
my $SCOPE = 'catalog:read inventory:read inventory:write orders:read '
    . 'orders:write orders:manage';


sub new
{
    my ($class, %with) = @_;
    my $dir = File::Temp::tempdir('carmen-bench-XXXXXX', DIR => '/tmp');
    chmod 0755, $dir;

    my $self = bless { dir => $dir, pids => {}, owner => $$, %with }, $class;
    build_tools();
    return $self;
}


sub say_step { print STDERR "bench: @_\n" }


sub build_tools
{
    my @cc = (qw(cc -O2 -std=gnu11 -Wall -Wextra -Werror));
    my %tool = (
        load => [qw(load.c plan.c cpu.c)],
        cputime => [qw(cputime.c cpu.c)],
        libpq_server => ['libpq_server.c', '-I' . pg_config('--includedir'),
                         '-L' . pg_config('--libdir'), '-lpq'],
    );

    make_path($TOOLS);
    for my $name (sort keys %tool) {
        my @args = map { /\.c$/ ? "$HERE/$_" : $_ } @{ $tool{$name} };
        my @sources = (grep({ /\.c$/ } @args), glob "$HERE/*.h");
        next if -e "$TOOLS/$name"
            && !grep { -M $_ < -M "$TOOLS/$name" } @sources;
        Carmen::Cluster::run(@cc, '-o', "$TOOLS/$name", @args);
    }
}


sub pg_config
{
    my ($what) = @_;
    chomp(my $answer = `pg_config $what`);
    return $answer;
}


# A cluster with the schemas and the data.

sub database
{
    my ($self) = @_;
    say_step('PostgreSQL');
    my $pg = Carmen::Cluster->private(settings => \@SETTINGS);
    my $db = $pg->database(empty => 1);

    Carmen::Cluster::run("$ROOT/packaging/migrate", '--db', $db->conninfo);

    say_step('data');
    for my $file ("$ROOT/packaging/sample-data.sql",
                  "$ROOT/packaging/sample-stock.sql", "$HERE/data.sql")
    {
        $self->psql($db, '-1', '-f', $file) if -e $file;
    }
    @$self{qw(pg db)} = ($pg, $db);
    $self->{pids}{postgres} = $pg->postmaster;
    $self->write_values('product', q{SELECT product_id FROM catalog.product
        WHERE tenant = 'demo' AND name LIKE 'Bench product %' ORDER BY 1});
    $self->write_values('item', q{SELECT item_id FROM inventory.inventory
        WHERE tenant = 'demo' AND ship_node = 'BENCH' ORDER BY 1});

    # Three lines of different items (1768 n is never 7 modulo 5000).
    $self->write_values('order', q{SELECT json_build_object('currency', 'EUR',
        'lines', json_agg(json_build_object(
            'itemId', format('BENCH-%s-%s', 1 + x % 5000, v),
            'quantity', 1 + n % 3)))
        FROM generate_series(1, 4096) n,
             LATERAL (VALUES (n * 7919, 1), (n * 104729, 2),
                             (n * 6151 + 7, 1)) l (x, v) GROUP BY n});

    # A plan that was made for empty tables would be kept while they grow.
    $self->orders_before(4000) if -e "$ROOT/sql/orders/statements/orders_place.sql";
    $self->psql($db, '-c', 'VACUUM (FREEZE, ANALYZE)', '-c', 'CHECKPOINT');
    return $db;
}


sub orders_before
{
    my ($self, $number) = @_;
    my $statement = $self->statement('orders_place');
    my %with = $self->pgbench_scripts($statement, 'order',
        $self->bind($statement));

    write_file("$self->{dir}/before.sql", $with{scripts}[0]);
    local $ENV{PGOPTIONS} = "-c carmen.tenant=$TENANT";
    Carmen::Cluster::run(Carmen::Cluster::bin('pgbench'), '-n',
        '-h', $self->{pg}->socket_dir, '-p', $self->{pg}->port,
        '-U', 'carmen_app', '-M', 'prepared', '-c', 8, '-t', $number / 8,
        map({ ('-D', $_) } @{ $with{define} }),
        '-f', "$self->{dir}/before.sql", $self->{db}->name);
}


sub psql
{
    my ($self, $db, @args) = @_;
    Carmen::Cluster::run(Carmen::Cluster::bin('psql'), '-qX', '-v',
        'ON_ERROR_STOP=1', '-d', $db->conninfo, @args);
}


# The values of a plan, and the same as a table for pgbench to choose from.

sub write_values
{
    my ($self, $name, $sql) = @_;
    my @values = $self->{db}->sql($sql);
    die "bench: no values for \"$name\"\n" if !@values;

    write_file("$self->{dir}/$name", join '', map { "$_\n" } @values);
    $self->{db}->sql(qq{SET client_min_messages = warning;
        CREATE SCHEMA IF NOT EXISTS bench;
        GRANT USAGE ON SCHEMA bench TO carmen_app;
        CREATE TABLE bench."$name" AS SELECT row_number() OVER ()::int AS n,
            value::text FROM ($sql) AS v (value);
        ALTER TABLE bench."$name" ADD PRIMARY KEY (n);
        GRANT SELECT ON bench."$name" TO carmen_app});
    $self->{values}{$name} = \@values;
}


# The text and the arguments of a statement as Carmen has it compiled in:
# [source, name] each.  A list has a variant a sort, page and set of filters;
# the first is the default sort's first page without filters.

sub statement
{
    my ($self, $name) = @_;
    my ($domain) = $name =~ /^([a-z]+)_/;
    my $prefix = "$self->{dir}/${domain}_statements";

    Carmen::Cluster::run($^X, "$ROOT/shared/wire/pg/compile-statements",
        $domain, "$ROOT/sql/$domain/statements", $prefix);
    my $source = read_file("$prefix.c");

    my ($literals, $args) = $source =~ m{
        \b\Q$name\E__variants\[\]\ =\ \{ \s* \{ \s*
        ngx_string\( ((?:\s*"(?:[^"\\]|\\.)*")+) \s* \) ,\s* \d+,\s* (\w+)}x
        or die "bench: no statement \"$name\"\n";

    my $text = join '', $literals =~ /"((?:[^"\\]|\\.)*)"/g;
    $text =~ s/\\n/\n/g;
    $text =~ s/\\(.)/$1/g;

    my @args;
    my ($rows) = $source =~ /\b\Q$args\E\[\] = \{(.*?)\n\};/s;
    push @args, [$1, $2]
        while ($rows // '') =~ /CARMEN_ARG_(\w+), ngx_string\("([^"]*)"\)/g;

    return { name => $name, text => $text, args => \@args };
}


# Carmen as a production server has it, but for the access log.

sub carmen
{
    my ($self, %with) = @_;
    make_path("$self->{dir}/keys");
    my $keys = Carmen::Token->new("$self->{dir}/keys");

    $self->{token} = $keys->token(sub => 'bench', tenant => $TENANT,
        scope => $SCOPE, exp => int(time) + 7200);

    # A connection a core for reads; a socket a worker, for without it the
    # worker that is awake takes nearly all of 64 clients.
    my $nginx = $self->{nginx} = Bench::Nginx->new(
        database => $self->{db}, keys => $keys, access_log => 0,
        log_level => 'warn', workers => $with{workers} // 2,
        lanes => $with{lanes} // $LANES);

    say_step('Carmen');
    $nginx->start;
    $self->{pids}{carmen} = $nginx->master;
    return $nginx->port;
}


sub free_port
{
    my $socket = IO::Socket::INET->new(Listen => 1, LocalAddr => '127.0.0.1')
        or die "bench: no free port: $!\n";
    return $socket->sockport;
}


# nginx alone, with answers of the given sizes at /<name>/.

sub plain_nginx
{
    my ($self, %sizes) = @_;
    my $port = free_port();
    my $dir = "$self->{dir}/plain";
    my $locations = join "\n", map {
        "location /$_/ { return 200 '@{[ 'x' x $sizes{$_} ]}'; }"
    } sort keys %sizes;

    make_path("$dir/tmp");
    write_file("$dir/nginx.conf", <<"END");
daemon off;
pid $dir/pid;
worker_processes 2;
@{[ $> == 0 ? 'user root;' : '' ]}
events { worker_connections 4096; }
http {
    access_log off;
    default_type application/json;
    keepalive_requests 1000000000;
    keepalive_timeout 1h;
    client_body_temp_path $dir/tmp/body;
    proxy_temp_path $dir/tmp/proxy;
    fastcgi_temp_path $dir/tmp/fastcgi;
    uwsgi_temp_path $dir/tmp/uwsgi;
    scgi_temp_path $dir/tmp/scgi;
    server {
        listen 127.0.0.1:$port reuseport;
        $locations
    }
}
END
    return $self->spawn('nginx', $port, 'nginx', '-p', $dir,
        '-c', "$dir/nginx.conf", '-e', "$dir/error.log");
}


sub bare
{
    my ($self, $statement, $processes) = @_;
    my $port = free_port();
    my @args = map {
        my ($source, $name) = @$_;
        $source eq 'TENANT' ? $TENANT : $source eq 'PATH' ? '{id}'
            : $source eq 'SCOPE' ? held($name) : '{null}'
    } @{ $statement->{args} };

    write_file("$self->{dir}/statement.sql", $statement->{text});
    return $self->spawn('bare', $port, "$TOOLS/libpq_server", '-p', $port,
        '-n', $processes, '-d', $self->{db}->conninfo('carmen_app')
        . " options='-c carmen.tenant=$TENANT'",
        '-s', "$self->{dir}/statement.sql", @args);
}


sub spawn
{
    my ($self, $name, $port, @command) = @_;
    my $log = "$self->{dir}/$name.log";
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>', $log;
        open STDERR, '>&', \*STDOUT;
        { exec 'setpriv', '--pdeathsig', 'TERM', @command }
        print STDERR "setpriv: $!\n";
        POSIX::_exit(127);
    }

    $self->{pids}{$name} = $pid;
    push @{ $self->{spawned} }, $pid;

    for (1 .. 500) {
        return $port if IO::Socket::INET->new("127.0.0.1:$port");
        sleep 0.02;
        last if waitpid($pid, POSIX::WNOHANG()) > 0;
    }
    die "bench: $name did not start\n" . read_file($log);
}


sub stop
{
    my ($self) = @_;
    return if $self->{owner} != $$;

    if (my $nginx = delete $self->{nginx}) {
        $nginx->stop('TERM');
        warn "bench: $_\n" for $nginx->complaints;
        $nginx->clean;
    }

    for my $pid (reverse @{ delete $self->{spawned} // [] }) {
        kill 'TERM', $pid;
        waitpid $pid, 0;
    }
    remove_tree($self->{dir});
}


# What Carmen answers, as [status, headers, body].

sub fetch
{
    my ($self, $port, $path, @headers) = @_;
    my $socket = IO::Socket::INET->new("127.0.0.1:$port") or die "fetch: $!";
    print $socket join "\r\n", "GET $path HTTP/1.1", 'Host: bench',
        'Connection: close', @headers, '', '';
    my $answer = do { local $/; <$socket> } // '';
    my ($head, $body) = split /\r\n\r\n/, $answer, 2;
    my ($status) = ($head // '') =~ m{^HTTP/1.1 (\d+)};
    return ($status // 0, $head, $body);
}


# One measurement with our own generator.

sub load
{
    my ($self, %with) = @_;
    my $plan = "$self->{dir}/plan";
    write_file($plan, $with{plan});

    my @command = ($self->client, "$TOOLS/load", '-a', "127.0.0.1:$with{port}",
        '-c', $with{clients} // 64, '-t', $with{seconds} // 3,
        '-w', $with{warm} // 0.7);
    push @command, '-r', $with{rate} if $with{rate};
    push @command, '-p', "$_=$self->{pids}{$_}" for @{ $with{cpu} // [] };

    open my $out, '-|', @command, $plan or die "load: $!";
    my $text = do { local $/; <$out> } // '';
    close $out;
    my $wrong = $? >> 8;
    die "bench: the load generator failed\n" if $text eq '';

    my $got = JSON::PP::decode_json($text);
    return {
        rate => $got->{rate}, p50 => $got->{latency_us}{p50},
        p99 => $got->{latency_us}{p99}, max => $got->{latency_us}{max},
        cpu => $got->{cpu_us}, wrong => $wrong, all => $got,
    };
}


# One measurement with pgbench, as the server's role.  The window is between
# its report of the first second and the one "seconds" later: neither
# connecting, preparing nor leaving is in it.

sub pgbench
{
    my ($self, %with) = @_;
    my $dir = File::Temp::tempdir('pgbench-XXXXXX', DIR => $self->{dir});
    my $clients = $with{clients} // 64;
    my $seconds = POSIX::ceil($with{seconds} // 3);
    my @files;

    for my $script (@{ $with{scripts} }) {
        push @files, '-f', "$dir/" . @files . '.sql';
        write_file($files[-1], $script);
    }

    my $pg = $self->{pg};
    local $ENV{PGOPTIONS} = "-c carmen.tenant=$TENANT";
    my @command = ($self->client, Carmen::Cluster::bin('pgbench'), '-n',
        '-M', 'prepared', '-h', $pg->socket_dir, '-p', $pg->port,
        '-U', 'carmen_app', '-c', $clients, '-j', $clients < 2 ? 1 : 2, '-T', $seconds + 2,
        '-P', 1, '-l', "--log-prefix=$dir/log",
        '--sampling-rate', $clients < 2 ? 0.2 : 0.03,
        map({ ('-D', $_) } @{ $with{define} // [] }), @files,
        $self->{db}->name);

    my $pid = open my $out, '-|', 'sh', '-c', 'exec "$@" 2>&1', 'sh',
        @command or die "pgbench: $!";
    my ($first, $last, $done, $reports, $text) = (undef, undef, 0, 0, '');

    while (my $line = <$out>) {
        $text .= $line;
        my ($tps) = $line =~ /^progress: [\d.]+ s, ([\d.]+) tps/ or next;
        next if $reports++ > $seconds;
        my $from = time;
        my $now = { cpu => [$self->cputime($self->{pids}{postgres}, $pid)] };
        $now->{time} = ($from + time) / 2;
        $done += $tps * ($now->{time} - $last->{time}) if $last;
        $first //= $now;
        $last = $now;
    }
    close $out and $done
        or die "bench: pgbench failed\n", substr($text, 0, 1000), "\n";

    my @latency = sort { $a <=> $b } map {
        open my $log, '<', $_ or die;
        map { (split)[2] } <$log>;
    } glob "$dir/log*";
    remove_tree($dir);

    my ($postgres, $client) = map {
        ($last->{cpu}[$_] - $first->{cpu}[$_]) / 1000 / $done
    } 0, 1;

    return {
        rate => $done / ($last->{time} - $first->{time}),
        p50 => $latency[@latency * 0.5] + 0,
        p99 => $latency[@latency * 0.99] + 0,
        cpu => { postgres => $postgres, load => $client },
        wrong => $text =~ /failed transactions: (\d+)/ ? $1 : 0,
    };
}


# The generators on the first CPU, all that serves on the second, as if the
# client were another machine; and back.

sub separate
{
    my ($self, $apart) = @_;
    chomp(my $cpus = `nproc`);
    return if $cpus < 2;

    $self->{client} = $apart ? ['taskset', '-c', 0] : [];
    my %parent = map { /(\d+)\s+(\d+)/ ? ($1 => $2) : () }
        split /\n/, `ps -eo pid=,ppid=`;
    my %served = map { $_ => 1 } values %{ $self->{pids} };

    for my $pid (keys %parent) {
        my $up = $pid;
        $up = $parent{$up} while $up && !$served{$up};
        Carmen::Cluster::run_quietly('taskset', '-a', '-p', '-c',
            $apart ? 1 : '0-' . ($cpus - 1), $pid) if $up;
    }
}


sub client { return @{ $_[0]{client} // [] } }


sub cputime
{
    my ($self, @pids) = @_;
    open my $out, '-|', "$TOOLS/cputime", @pids or die "cputime: $!";
    my @values = <$out>;
    chomp @values;
    return @values;
}


# What pgbench gives for each argument: a variable; one that is not defined
# is NULL.

my %VARIABLE = (TENANT => ':tenant', ACTOR => ':actor', CLIENT => ':client',
    KEY => ':key', HASH => ':hash', REQUEST => ':request', LIMIT => ':limit',
    PATH => ':value', BODY => ':value');

sub held { return $SCOPE =~ /(?:^| )\Q$_[0]\E(?: |$)/ ? 't' : 'f' }


sub bind
{
    my ($self, $statement) = @_;
    return [map { $_->[0] eq 'SCOPE' ? ':scope_' . held($_->[1])
                                     : $VARIABLE{ $_->[0] } // ':null' }
            @{ $statement->{args} }];
}


# A script that runs a statement with a random value a client.  pgbench cannot
# choose among texts, so a client keeps the value that it drew at its first
# run: few rows are asked for, which if anything is to pgbench's good.

sub pgbench_scripts
{
    my ($self, $statement, $values, $bind) = @_;
    my $count = @{ $self->{values}{$values} };
    my $text = $statement->{text} =~ s/\$(\d+)/$bind->[$1 - 1]/gr;
    my $key = grep({ $_ eq ':key' } @$bind)
        ? '\set key random(1, 9000000000000000000)' : '';

    return (
        scripts => [<<"END"],
\\if :fresh
SELECT value FROM bench."$values" WHERE n = (SELECT 1 + floor(random() * $count)::int) \\gset
\\set fresh 0
\\endif
$key
$text;
END
        define => ['fresh=1', "tenant=$TENANT", 'actor=bench',
                   'client=tests', 'limit=20', 'scope_t=t', 'scope_f=f',
                   'request=bench', 'hash=' . 'a1b2c3d4' x 8],
    );
}


sub write_file
{
    my ($path, $text) = @_;
    open my $file, '>:raw', $path or die "$path: $!\n";
    print $file $text;
    close $file or die "$path: $!\n";
}


sub read_file
{
    my ($path) = @_;
    open my $file, '<', $path or die "$path: $!\n";
    local $/;
    return <$file> // '';
}


sub median
{
    my @sorted = sort { $a <=> $b } grep { defined } @_;
    return if !@sorted;
    my $half = int @sorted / 2;
    return @sorted % 2 ? $sorted[$half]
                       : ($sorted[$half - 1] + $sorted[$half]) / 2;
}


package Bench::Nginx;

our @ISA = ('Carmen::Nginx');


sub conf
{
    my ($self) = @_;
    return $self->SUPER::conf =~ s/^(\s*listen [^;]*)/$1 reuseport/mr;
}


1;
