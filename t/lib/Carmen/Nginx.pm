package Carmen::Nginx;

# Debian's nginx with the modules of this tree, in a directory of its own.
#
#   my $nginx = Carmen::Nginx->new(database => $db, keys => $keys);
#   $nginx->start; $nginx->stop; $nginx->reload; $nginx->port
#   $nginx->workers, $nginx->master          process ids
#   $nginx->log                              the error log's text
#   $nginx->expect(qr/connection refused/)   alerts that the test causes
#   $nginx->test                             what nginx -t says (and its $?)
#
# Parts of nginx.conf that a test may give, as text:
#   main, http, upstream (whole blocks), auth (server level, replaces the
#   usual), server (added), api (added to location /api/v1/), locations
#   (added), conf (everything; {{DIR}}, {{PORT}}, {{MODULES}}, {{DATABASE}}
#   are replaced), lanes ("fast=2 write=4 ..."), domains => [...],
#   workers => 2, worker_connections => 4096, log_level => 'notice', access_log => 0|1

use strict;
use warnings;

use Cwd ();
use File::Path qw(make_path remove_tree);
use File::Temp ();
use IO::Socket::INET;
use POSIX ();
use Time::HiRes qw(sleep time);

use Carmen::Cluster;
use Carmen::Token;

our $KIND = $ENV{CARMEN_BUILD} || 'release';
our $SANITIZED = $KIND eq 'sanitize';

my @running;
my $TEMPLATE = do { local $/; <DATA> };


sub modules_dir { "$Carmen::Cluster::ROOT/.build/$KIND" }


# The core and the domains whose modules are built.

sub built
{
    my ($names) = @_;
    my $dir = modules_dir();
    my %named = map { $_ => 1 } 'core', Carmen::Cluster::domains($names);

    -e "$dir/ngx_http_carmen_core_module.so"
        or die "$dir: no modules, run packaging/build $KIND first\n";
    return grep { $named{$_} && -e "$dir/ngx_http_carmen_${_}_module.so" }
        @Carmen::Cluster::DOMAINS;
}


sub new
{
    my ($class, %self) = @_;
    my $dir = File::Temp::tempdir('carmen-nginx-XXXXXX', DIR => '/tmp');
    chmod 0755, $dir;
    make_path("$dir/temp");

    my $self = bless {
        workers => 2, log_level => 'notice', access_log => 1, %self,
        dir => $dir, pid => $$, expected => [],
    }, $class;

    $self->choose_port if !$self->{port};
    return $self;
}


sub dir { $_[0]{dir} }
sub port { $_[0]{port} }
sub master { $_[0]{master} }


sub choose_port
{
    my ($self) = @_;
    my $socket = IO::Socket::INET->new(
        LocalHost => '127.0.0.1', LocalPort => 0, Listen => 1,
        Proto => 'tcp') or die "no free port: $@\n";
    return $self->{port} = $socket->sockport;
}


sub modules
{
    my ($self) = @_;
    my $dir = modules_dir();
    return join '', map {
        "load_module $dir/ngx_http_carmen_${_}_module.so;\n"
    } built($self->{domains});
}


sub upstream
{
    my ($self) = @_;
    return $self->{upstream} if defined $self->{upstream};

    my $db = $self->{database} or return '';
    my $lanes = $self->{lanes} // 'fast=2 write=4 lease=1 queue=1024';
    my $socket = $db->cluster->socket;

    return <<"END";
    upstream commerce {
        server unix:$socket;
        carmen_postgres "dbname=@{[ $db->name ]} user=carmen_app" $lanes;
    }
END
}


sub auth
{
    my ($self) = @_;
    return $self->{auth} if defined $self->{auth};

    my $keys = $self->{keys} or return '';
    return <<"END";
        carmen_auth jwt;
        carmen_auth_issuer $Carmen::Token::ISSUER;
        carmen_auth_audience $Carmen::Token::AUDIENCE;
        carmen_auth_key @{[ $keys->jwks ]};
        carmen_auth_signing_key @{[ $keys->private('es256') ]};
END
}


sub conf
{
    my ($self) = @_;
    my %built = map { $_ => 1 } built($self->{domains});
    my $dir = $self->{dir};
    my $text = $self->{template} //= $self->{conf} // $TEMPLATE;

    my $api = join '', map { "            $_;\n" }
        ($built{auth} ? 'carmen_auth_endpoints' : ()),
        map { "carmen_$_" } grep { $built{$_} && !/^(?:core|auth)$/ }
        @Carmen::Cluster::DOMAINS;
    my $database = $self->upstream =~ /upstream\s+(\S+)/ ? $1 : '';

    my %value = (
        DIR => $dir,
        PORT => $self->{port},
        MODULES => $self->modules,
        MAIN => $self->{main} // '',
        WORKERS => $self->{workers},
        CONNECTIONS => $self->{worker_connections} // 4096,
        LEVEL => $self->{log_level},
        HTTP => $self->{http} // '',
        UPSTREAM => $self->upstream,
        DATABASE => $database,
        USE_DATABASE => $database ? "carmen_database $database;" : '',
        AUTH => $built{auth} ? $self->auth : '',
        JWKS => $built{auth} && $self->auth =~ /signing_key/
            ? 'location = /.well-known/jwks.json { carmen_auth_jwks; }' : '',
        SECRET => "$dir/secret",
        SERVER => $self->{server} // '',
        API => $api . ($self->{api} // ''),
        LOCATIONS => $self->{locations} // '',
        ACCESS_LOG => $self->{access_log} ? "$dir/access.log lanes" : 'off',
    );

    $text =~ s/\{\{(\w+)\}\}/$value{$1} \/\/ die "no value for $1"/ge;
    return $text;
}


sub write_conf
{
    my ($self) = @_;
    my $dir = $self->{dir};

    if (!-e "$dir/secret") {
        Carmen::Token::write_file("$dir/secret",
            unpack('H*', Carmen::Token::random(32)) . "\n");
        chmod 0600, "$dir/secret";
    }
    Carmen::Token::write_file("$dir/nginx.conf", $self->conf);
}


sub environment
{
    return () if !$SANITIZED;
    chomp(my $asan = `gcc -print-file-name=libasan.so`);
    $asan = Cwd::realpath($asan);
    my $leaks = exists $ENV{CARMEN_LEAKS} ? $ENV{CARMEN_LEAKS} : 1;
    # a copy that workers, which run as somebody else, can read
    my $suppressions = '/tmp/carmen-leaks-' . $> . '.supp';
    Carmen::Token::write_file($suppressions,
        slurp("$Carmen::Cluster::ROOT/t/lib/leaks.supp"));
    chmod 0644, $suppressions;

    return ("LD_PRELOAD=$asan",
            "ASAN_OPTIONS=detect_odr_violation=0:detect_leaks=$leaks"
                . ($ENV{CARMEN_UNWIND} ? ':fast_unwind_on_malloc=0' : ''),
            "LSAN_OPTIONS=suppressions=$suppressions:print_suppressions=0",
            'UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1');
}


sub command
{
    my ($self, @more) = @_;
    my ($nginx) = grep { -x } map { "$_/nginx" }
        split(/:/, $ENV{PATH}), '/usr/sbin', '/usr/local/sbin';
    return ('env', environment(), @{ $self->{wrap} // [] }, $nginx,
            '-p', $self->{dir}, '-e', "$self->{dir}/error.log",
            '-c', "$self->{dir}/nginx.conf", @more);
}


sub spawn
{
    my ($self, $output, @command) = @_;
    my $pid = fork // die "fork: $!";

    if ($pid == 0) {
        open STDIN, '<', '/dev/null';
        open STDOUT, '>>', $output;
        open STDERR, '>>', $output;
        chdir '/';
        { exec @command }
        POSIX::_exit(127);
    }
    return $pid;
}


sub test
{
    my ($self) = @_;
    my $output = "$self->{dir}/test.out";
    unlink $output;
    $self->write_conf;

    local $ENV{ASAN_OPTIONS};
    my $pid = $self->spawn($output, $self->command('-t'));
    waitpid $pid, 0;
    return slurp($output);
}


sub start
{
    my ($self) = @_;

    for my $try (1 .. 5) {
        $self->write_conf;

        # The parent's death ends it, however the parent dies.
        my $pid = $self->{master} = $self->spawn("$self->{dir}/start.out",
            'setpriv', '--pdeathsig', 'TERM', $self->command);
        push @running, $self if !grep { $_ == $self } @running;

        my $deadline = time + ($SANITIZED || $self->{wrap} ? 120 : 30);
        while (1) {
            return $self if $self->answers;

            if (waitpid($pid, POSIX::WNOHANG()) == $pid) {
                delete $self->{master};
                last;
            }
            die "nginx does not listen\n" . $self->log if time > $deadline;
            sleep 0.01;
        }

        my $said = slurp("$self->{dir}/start.out") . $self->log;
        die "nginx did not start:\n$said\n"
            if $said !~ /Address already in use/ || $try == 5;
        unlink "$self->{dir}/error.log", "$self->{dir}/start.out";
        $self->choose_port;
    }
}


sub answers
{
    my ($self) = @_;
    return if !-e "$self->{dir}/nginx.pid";
    return IO::Socket::INET->new(
        PeerHost => '127.0.0.1', PeerPort => $self->{port}, Timeout => 1);
}


sub workers
{
    my ($self) = @_;
    my $pid = $self->{master} // return;
    my @pids = sort { $a <=> $b } map {
        /^\s*(\d+) .*worker process(?! is shutt)/ ? $1 : ()
    } split /\n/, `ps -o pid=,args= --ppid $pid`;
    return @pids;
}


# Returns when the workers of the old configuration take no new connections.

sub reload
{
    my ($self) = @_;
    my %old = map { $_ => 1 } $self->workers;
    $self->write_conf;
    kill 'HUP', $self->{master};

    my $deadline = time + 30;
    while (time < $deadline) {
        my @now = $self->workers;
        return $self if @now && !grep { $old{$_} } @now;
        sleep 0.02;
    }
    die "nginx did not reload\n" . $self->log;
}


# Graceful; returns the exit status of the master.

sub stop
{
    my ($self, $signal) = @_;
    my $pid = delete $self->{master} // return;
    local ($?, $!);

    kill $signal // 'QUIT', $pid;
    my $deadline = time + ($SANITIZED || $self->{wrap} ? 60 : 15);
    while (waitpid($pid, POSIX::WNOHANG()) == 0) {
        if (time > $deadline) {
            my @children = map { /(\d+)/ } split /\n/,
                `ps -o pid= --ppid $pid`;
            kill 'KILL', $pid, @children;
            waitpid $pid, 0;
            $self->{forced} = 1;
            last;
        }
        sleep 0.01;
    }
    return $?;
}


sub slurp
{
    my ($path) = @_;
    open my $file, '<', $path or return '';
    return do { local $/; <$file> } // '';
}


sub log { slurp("$_[0]{dir}/error.log") }
sub access_log { slurp("$_[0]{dir}/access.log") }


sub expect
{
    my ($self, @patterns) = @_;
    push @{ $self->{expected} }, @patterns;
    return $self;
}


# The lines of the log that no test should cause, and the stacks of the
# sanitizers.

sub complaints
{
    my ($self) = @_;
    my ($blind, $report, @bad) = (0, 0);

    for my $line (split /\n/, slurp("$self->{dir}/start.out") . $self->log) {
        $report = 1 if $line =~ /Sanitizer|runtime error:/;
        $report = 0 if $line =~ m{^\d{4}/\d\d/\d\d };

        # LeakSanitizer could not look, which says nothing of leaks: that and
        # the one exit that follows from it are passed over, no more

        if ($line =~ /LeakSanitizer has encountered a fatal error/) {
            ($blind, $report) = ($blind + 1, 0);
            next;
        }
        if ($blind && $line =~ /HINT: /) {
            $report = 0;
            next;
        }
        if ($blind && $line =~ /exited with code 1$/) {
            $blind--;
            next;
        }

        next if $line !~ /\[(?:alert|emerg|crit)\]|exited with code [1-9]/
            && !($report && length $line && $line !~ /^=+$/);
        next if grep { $line =~ $_ } @{ $self->{expected} };
        push @bad, $line;
    }
    push @bad, 'nginx had to be killed' if $self->{forced};
    return @bad;
}


sub clean
{
    my ($self) = @_;
    remove_tree($self->{dir}) if $self->{pid} == $$ && !$ENV{CARMEN_KEEP};
}


END {
    local ($?, $!, $@);
    for my $nginx (@running) {
        $nginx->stop if $nginx->{pid} == $$;
    }
}


1;

__DATA__
{{MODULES}}
daemon off;
pid {{DIR}}/nginx.pid;
error_log {{DIR}}/error.log {{LEVEL}};
worker_processes {{WORKERS}};
worker_shutdown_timeout 10s;
{{MAIN}}

events {
    worker_connections {{CONNECTIONS}};
}

http {
    log_format lanes '$remote_addr "$request" $status $body_bytes_sent '
                     '$request_time [$upstream_addr] [$upstream_status] '
                     '[$upstream_response_time] [$upstream_connect_time]';
    access_log {{ACCESS_LOG}};
    default_type text/plain;
    keepalive_requests 10000000;
    keepalive_timeout 300s;

    client_body_temp_path {{DIR}}/temp/body;
    proxy_temp_path {{DIR}}/temp/proxy;
    fastcgi_temp_path {{DIR}}/temp/fastcgi;
    uwsgi_temp_path {{DIR}}/temp/uwsgi;
    scgi_temp_path {{DIR}}/temp/scgi;

    carmen_secret {{SECRET}};

{{UPSTREAM}}
{{HTTP}}
    server {
        listen 127.0.0.1:{{PORT}} backlog=4096;
        server_name localhost;

        {{USE_DATABASE}}
        carmen_tenant demo;
{{AUTH}}
{{SERVER}}
        location /api/v1/ {
{{API}}        }

        location = /api/v1/openapi.json { carmen_openapi; }
        location = /metrics { carmen_metrics; }
        location /health/ { carmen_health; }
        location /problems/ { carmen_problems; }
        {{JWKS}}
{{LOCATIONS}}
    }
}
